// The greeting with Pikku (TypeScript): `@pikku/core` behind `node:http`. Its runtimes for Express, Fastify and uWebSockets.js
// are not on npm, so the request is handed over as its own adapters do it, through `fetch`; what its CLI would generate
// (the metadata of the function and the route, and the schema of the input) is written by hand.

import { Ajv } from "ajv";
import { createServer } from "node:http";
import { pikkuState, setSingletonServices } from "@pikku/core/ecosystem";
import { fetch, wireHTTP } from "@pikku/core/http";
import { addSchema, compileAllSchemas } from "@pikku/core/schema";
import { UnprocessableContentError } from "@pikku/core/errors";
import { address, said } from "./listen.mjs";

const quiet = () => {};
const logger = { info: quiet, warn: console.warn, error: console.error, debug: quiet, setLevel: quiet };

/** A schema service over ajv, as `@pikku/schema-ajv` is. */
class Schemas {
  #ajv = new Ajv({ coerceTypes: true });
  #compiled = new Map();

  compileSchema(name, schema) {
    this.#compiled.set(name, this.#ajv.compile(schema));
  }

  validateSchema(name, data) {
    const validate = this.#compiled.get(name);
    if (!validate(data)) throw new UnprocessableContentError(this.#ajv.errorsText(validate.errors));
  }

  getSchemaNames() {
    return new Set(this.#compiled.keys());
  }

  getSchemaKeys(name) {
    return Object.keys(pikkuState(null, "misc", "schemas").get(name).properties);
  }
}

const schema = new Schemas();
setSingletonServices({ logger, schema });
addSchema("GreetInput", {
  type: "object",
  required: ["id", "name", "tags"],
  properties: {
    id: { type: "integer", minimum: 0 },
    name: { type: "string", minLength: 1, maxLength: 80 },
    age: { type: ["integer", "null"], minimum: 0, maximum: 150 },
    tags: { type: "array", maxItems: 10, items: { type: "string" } },
  },
});
compileAllSchemas(logger, schema);

pikkuState(null, "function", "meta").greet = {
  pikkuFuncId: "greet",
  sessionless: true,
  inputSchemaName: "GreetInput",
  inputs: ["GreetInput"],
};
pikkuState(null, "http", "meta").post["/greet/:id"] = { pikkuFuncId: "greet", route: "/greet/:id", method: "post" };
wireHTTP({
  method: "post",
  route: "/greet/:id",
  auth: false,
  func: {
    func: async (_services, { id, name, age, tags }) => {
      const text = age == null ? `hello, ${name}` : `hello, ${name} (${age})`;
      return { id, text, likes: tags.length };
    },
  },
});

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method,
    headers: incoming.headers,
    body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
  });
  const response = await fetch(request);
  const body = Buffer.from(await response.arrayBuffer());
  const headers = Object.fromEntries(response.headers);
  outgoing.writeHead(response.status, { ...headers, "content-length": body.length }).end(body);
});
const { host, port } = address();
server.listen(port, host, () => said(server));
