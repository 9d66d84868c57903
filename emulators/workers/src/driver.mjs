// Runs Workers in workerd through miniflare for the Rust side, which talks to it in lines of JSON.
//
// The first line on stdin says what to run, each further one is a command with an id; on stdout come a reply for each
// command and, between them, what happens: `ready`, `log`, `collected`, `failed`. The end of stdin is the end of
// everything, so that nothing outlives the program that asked for it.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { writeSync } from "node:fs";

/** The Worker that sends to every queue, and collects what reaches those that no other Worker consumes. */
const POST = "pikku-local-post";

/** How long workerd may take to end before it is killed with this process. */
const GRACE_MS = 3000;

// Whatever a library prints is talk, not protocol.
for (const name of ["log", "info", "debug", "warn"]) console[name] = (...words) => console.error(...words);

const say = (line) => {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (why) {
      if (why.code === "EPIPE") return end(0);
      if (why.code !== "EAGAIN") throw why;
    }
  }
};

let miniflare;
let ending = false;

async function end(code) {
  if (ending) return;
  ending = true;
  setTimeout(() => process.kill(-process.pid, "SIGKILL"), GRACE_MS).unref();
  try {
    await miniflare?.dispose();
  } finally {
    process.exit(code);
  }
}

const fail = (why) => {
  say({ event: "failed", error: reason(why) });
  return end(1);
};

const reason = (why) => {
  const text = why instanceof Error ? why.message : String(why);
  return why?.cause === undefined ? text : `${text}: ${reason(why.cause)}`;
};

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

/** A message body as workerd hands it over, from the form in which it came. */
const body = (form) => {
  if (form.type === "json") return form.json;
  if (form.type === "text") return form.text;
  const bytes = Buffer.from(form.base64, "base64");
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
};

const commands = {
  /** One batch straight to a Worker's queue handler: the outcome is the handler's own. */
  async queue({ worker, queue, messages }) {
    const consumer = await miniflare.getWorker(worker);
    const batch = messages.map((message) => ({
      id: message.id,
      timestamp: new Date(message.timestamp_ms),
      attempts: message.attempts,
      body: body(message.body),
    }));
    const result = await consumer.queue(queue, batch);
    return {
      outcome: result.outcome,
      retry_all: result.retryBatch.retry,
      retry_all_delay_s: result.retryBatch.delaySeconds,
      ack_all: result.ackAll,
      retried: result.retryMessages.map(({ msgId, delaySeconds }) => ({ id: msgId, delay_s: delaySeconds })),
      acknowledged: result.explicitAcks,
    };
  },

  async scheduled({ worker, cron, scheduled_time_ms }) {
    const target = await miniflare.getWorker(worker);
    const result = await target.scheduled({ cron, scheduledTime: new Date(scheduled_time_ms) });
    return { outcome: result.outcome, no_retry: result.noRetry };
  },

  /** Sends through the local queue, which batches, retries and gives up as the consumer is configured. */
  async send({ queue, messages }) {
    const producer = await miniflare.getQueueProducer(`QUEUE_${queue}`, POST);
    await producer.sendBatch(
      messages.map((message) => ({
        body: body(message.body),
        contentType: message.body.type,
        ...(message.delay_s === undefined ? {} : { delaySeconds: message.delay_s }),
      })),
    );
    return {};
  },

  async sql({ worker, binding, sql, parameters }) {
    const database = await miniflare.getD1Database(binding, worker);
    const { results } = await database.prepare(sql).bind(...parameters).all();
    return { rows: results };
  },

  async kv_get({ worker, binding, key }) {
    const namespace = await miniflare.getKVNamespace(binding, worker);
    return { value: await namespace.get(key) };
  },

  async kv_put({ worker, binding, key, value }) {
    const namespace = await miniflare.getKVNamespace(binding, worker);
    await namespace.put(key, value);
    return {};
  },

  async r2_get({ worker, binding, key }) {
    const bucket = await miniflare.getR2Bucket(binding, worker);
    const object = await bucket.get(key);
    return { base64: object === null ? null : Buffer.from(await object.arrayBuffer()).toString("base64") };
  },

  async r2_put({ worker, binding, key, base64 }) {
    const bucket = await miniflare.getR2Bucket(binding, worker);
    await bucket.put(key, body({ type: "bytes", base64 }));
    return {};
  },

  async stop() {
    setImmediate(() => end(0));
    return {};
  },
};

/** The Worker behind the queues: it has a producer for each, and hands over what it collects. */
function post({ queues, collected_queues }) {
  const script = `export default {
    fetch() { return new Response("not found", { status: 404 }); },
    async queue(batch, env) {
      const messages = batch.messages.map(({ id, body, timestamp, attempts }) => {
        const isBytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body);
        const form = isBytes
          ? { type: "bytes", base64: btoa(String.fromCharCode(...new Uint8Array(body))) }
          : typeof body === "string" ? { type: "text", text: body } : { type: "json", json: body };
        return { id, timestamp_ms: timestamp.getTime(), attempts, body: form };
      });
      await env.COLLECT.fetch("http://collect/", { method: "POST", body: JSON.stringify({ queue: batch.queue, messages }) });
    },
  };`;
  return {
    name: POST,
    modules: [{ type: "ESModule", path: "post.mjs", contents: script }],
    compatibilityDate: "2025-01-01",
    queueProducers: Object.fromEntries(queues.map((queue) => [`QUEUE_${queue}`, { queueName: queue }])),
    queueConsumers: Object.fromEntries(
      collected_queues.map((queue) => [queue, { maxBatchSize: 1, maxBatchTimeout: 0, maxRetries: 0 }]),
    ),
    serviceBindings: {
      COLLECT: async (request) => {
        say({ event: "collected", ...(await request.json()) });
        return new api.Response(null, { status: 204 });
      },
    },
  };
}

/** What stands for a Worker that is bound but not run here. */
const absent = (service) => () =>
  new api.Response(`the Worker ${service} is not running here`, { status: 503 });

/** Applies what wrangler would apply: each file once, in order, noted in wrangler's own table. */
async function migrate({ worker, binding, files }) {
  const database = await miniflare.getD1Database(binding, worker);
  await database
    .prepare(
      `CREATE TABLE IF NOT EXISTS d1_migrations (
         id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
         applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map(({ name }) => name));
  for (const { name, sql } of files) {
    if (applied.has(name)) continue;
    const note = database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
    try {
      await database.batch([database.prepare(sql), note]);
    } catch (why) {
      throw new Error(`the migration ${name} of the database ${binding} failed`, { cause: why });
    }
  }
}

let api;

async function start(plan) {
  api = createRequire(import.meta.url)(plan.miniflare);
  const { Miniflare, Log, LogLevel } = api;
  class Lines extends Log {
    log(message) {
      say({ event: "log", from: "miniflare", level: "info", message });
    }
    logWithLevel(level, message) {
      if (level <= this.level) this.log(message);
    }
  }
  const workers = plan.workers.map(({ absent_services, ...worker }) => ({
    ...worker,
    serviceBindings: {
      ...worker.serviceBindings,
      ...Object.fromEntries(Object.entries(absent_services).map(([binding, service]) => [binding, absent(service)])),
    },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  }));
  miniflare = new Miniflare({
    workers: [post(plan), ...workers],
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new Lines(LogLevel.WARN),
    handleStructuredLogs: ({ level, message }) => say({ event: "log", from: "worker", level, message }),
    ...plan.storage,
  });
  await miniflare.ready;
  for (const migration of plan.migrations) await migrate(migration);
  const addresses = {};
  for (const { name } of workers) addresses[name] = (await miniflare.unsafeGetDirectURL(name)).host;
  say({ event: "ready", addresses });
}

async function answer(line) {
  const { id, command, ...arguments_ } = JSON.parse(line);
  try {
    say({ id, reply: await commands[command](arguments_) });
  } catch (why) {
    say({ id, error: reason(why) });
  }
}

let started;
createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on("line", (line) => {
    if (started === undefined) started = start(JSON.parse(line)).catch(fail);
    else started.then(() => answer(line));
  })
  .on("close", () => end(0));
