// The greeting with fastify: typed by JSON Schemas, which validate the request and write the answer.

import Fastify from "fastify";
import { address, said } from "./listen.mjs";

const app = Fastify({ logger: false });

app.post(
  "/greet/:id",
  {
    schema: {
      params: { type: "object", required: ["id"], properties: { id: { type: "integer", minimum: 0 } } },
      body: {
        type: "object",
        required: ["name", "tags"],
        properties: {
          name: { type: "string", minLength: 1, maxLength: 80 },
          age: { type: ["integer", "null"], minimum: 0, maximum: 150 },
          tags: { type: "array", maxItems: 10, items: { type: "string" } },
        },
      },
      response: {
        200: {
          type: "object",
          properties: { id: { type: "integer" }, text: { type: "string" }, likes: { type: "integer" } },
        },
      },
    },
  },
  async ({ params, body: { name, age, tags } }) => {
    const text = age == null ? `hello, ${name}` : `hello, ${name} (${age})`;
    return { id: params.id, text, likes: tags.length };
  },
);

await app.listen(address());
said(app.server);
