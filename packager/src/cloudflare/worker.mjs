// Written by cargo pikku. What stands between workerd and the bundle: it reads requests, writes responses, and puts a new
// instance in the place of one that a panic or a trap has ended.
import { instantiate } from "./glue.mjs";
import module from "./bundle.wasm";

// The largest request body that is taken, in octets; a larger one is answered with 413.
const LARGEST_BODY = 10 * 1024 * 1024;
const NO_BODY = new Uint8Array(0);
const WITHOUT_BODY = new Set([101, 204, 205, 304]);

class Instance {
  healthy = true;
  #calls = new Map();
  #last = 0;
  #panicked = false;
  #internal;
  #env;

  constructor() {
    this.bundle = instantiate(module, () => this.#trapped());
  }

  // Bindings are there with the first event and not before.
  start(env) {
    if (this.#internal === undefined) {
      this.#env = env;
      this.#internal = this.bundle.pikku_initialise(env, this);
    }
    return this;
  }

  // Runs a part of the bundle.
  run(work) {
    return this.begin(work)[1];
  }

  // The same, and the number of its own, by which a panic names what it has ended.
  begin(work) {
    this.#last = (this.#last + 1) >>> 0 || 1;
    const call = this.#last;
    const outcome = new Promise((resolve, reject) => {
      const fail = (error) => {
        this.#calls.delete(call);
        reject(error);
      };
      this.#calls.set(call, fail);
      const done = (value) => {
        this.#calls.delete(call);
        resolve(value);
      };
      try {
        work(call).then(done, fail);
      } catch (error) {
        this.#trapped();
        fail(error);
      }
    });
    return [call, outcome];
  }

  // Drops a call that nobody waits for any more, with all that it holds. Gives a promise of the work that it has left.
  giveUp(call) {
    const fail = this.#calls.get(call);
    if (fail === undefined) return;
    try {
      return this.bundle.pikku_give_up(call);
    } catch {
      this.#trapped();
    } finally {
      fail(new Error("the client has gone away"));
    }
  }

  // The answer where the bundle cannot give one any more.
  failed(request) {
    const body = request.method === "HEAD" ? null : this.#internal;
    return new Response(body, { status: 500, headers: { "content-type": "application/problem+json" } });
  }

  panicked(call) {
    this.healthy = false;
    this.#panicked = true;
    this.#calls.get(call)?.(new Error("the call panicked"));
  }

  // A panic ends in a trap, and only its own call fails: memory is as it was. Any other trap, such as an overflow of the
  // stack, fails every call of the instance.
  #trapped() {
    this.healthy = false;
    if (this.#panicked) {
      this.#panicked = false;
      return;
    }
    for (const fail of this.#calls.values()) fail(new Error("the instance was ended by a trap"));
  }

  log(level, line) {
    console[level](line);
  }

  id() {
    return crypto.randomUUID();
  }

  timer(done, ms) {
    return setTimeout(done, ms);
  }

  cancel(timer) {
    clearTimeout(timer);
  }

  send(binding, text, delaySeconds) {
    return this.#env[binding].send(text, { contentType: "text", delaySeconds });
  }

  // A stream that asks the bundle for chunk after chunk, with a promise of its end, and what drops it before.
  stream(pull) {
    let going;
    let end;
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    const giveUp = () => {
      if (going !== undefined) this.giveUp(going);
      // The body is dropped, if that has not been done.
      pull(0);
      end();
    };
    const stream = new ReadableStream({
      pull: async (controller) => {
        let chunk;
        try {
          [going, chunk] = this.begin(pull);
          chunk = await chunk;
        } catch (error) {
          end();
          throw error;
        } finally {
          going = undefined;
        }
        if (chunk !== undefined) return controller.enqueue(chunk);
        controller.close();
        end();
      },
      cancel: giveUp,
    });
    return Object.assign(stream, { ended, giveUp });
  }
}

let instance = new Instance();

function healthy(env) {
  if (!instance.healthy) instance = new Instance();
  return instance.start(env);
}

// The octets of a body; nothing of one that is too large.
async function read(request) {
  if (request.body === null) return NO_BODY;
  const length = request.headers.get("content-length");
  if (length !== null) {
    if (Number(length) <= LARGEST_BODY) return new Uint8Array(await request.arrayBuffer());
    await request.body.cancel();
    return undefined;
  }
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > LARGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

// The form of a message's body, and its octets.
function octets(body) {
  if (body instanceof ArrayBuffer) return ["bytes", new Uint8Array(body)];
  if (ArrayBuffer.isView(body)) return ["bytes", new Uint8Array(body.buffer, body.byteOffset, body.byteLength)];
  const encoder = new TextEncoder();
  if (typeof body === "string") return ["text", encoder.encode(body)];
  return ["json", encoder.encode(JSON.stringify(body))];
}

async function take(queue, message, env) {
  let delay;
  try {
    const [type, body] = octets(message.body);
    const { id, timestamp, attempts } = message;
    const here = healthy(env);
    delay = await here.run((call) => here.bundle.pikku_message(call, queue, id, +timestamp, attempts, type, body));
  } catch (error) {
    console.error(`a message was not handled: ${error}`);
  }
  if (delay === null) message.ack();
  else if (delay === undefined) message.retry();
  else message.retry({ delaySeconds: delay });
}

// Does this when the client goes away.
function whenGone({ signal }, work) {
  if (signal?.aborted) work();
  else signal?.addEventListener("abort", work, { once: true });
}

export default {
  async fetch(request, env, context) {
    const body = await read(request);
    const here = healthy(env);
    try {
      // What a request says apart from its body, a line each: neither a URL nor a header can hold a line break.
      let head = `${request.method}\n${request.url}`;
      for (const [name, value] of request.headers) head += `\n${name}\n${value}`;
      const [call, answered] = here.begin((call) => here.bundle.pikku_fetch(call, head, body));
      // Without this nothing of it would ever be done again when the client has gone away, and what it holds not be given back.
      context.waitUntil(answered.catch(() => {}));
      whenGone(request, () => context.waitUntil(Promise.resolve(here.giveUp(call))));
      const [status, lines, content, after] = await answered;
      if (after !== undefined) context.waitUntil(after);
      if (content?.giveUp !== undefined) {
        context.waitUntil(content.ended);
        whenGone(request, content.giveUp);
      }
      const headers = new Headers();
      const parts = lines === "" ? [] : lines.split("\n");
      for (let at = 0; at < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
      // A function that sets a content encoding has encoded the body itself.
      const encodeBody = headers.has("content-encoding") ? "manual" : "automatic";
      return new Response(WITHOUT_BODY.has(status) ? null : content, { status, headers, encodeBody });
    } catch (error) {
      // Whom nobody waits for is not told.
      if (!request.signal?.aborted) console.error(`a request was not answered: ${error}`);
      return here.failed(request);
    }
  },

  async queue(batch, env) {
    await Promise.all(batch.messages.map((message) => take(batch.queue, message, env)));
  },

  async scheduled(controller, env) {
    const here = healthy(env);
    await here.run((call) => here.bundle.pikku_scheduled(call, controller.cron, controller.scheduledTime));
  },
};
