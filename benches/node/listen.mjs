// Where the programs listen, and how they say so.

/** Host and port of PIKKU_ADDRESS. */
export function address() {
  const [host, port] = (process.env.PIKKU_ADDRESS ?? "127.0.0.1:0").split(":");
  return { host, port: Number(port) };
}

/** Says where a server listens; it ends when it is asked to. */
export function said(server) {
  process.on("SIGTERM", () => process.exit(0));
  const { address, port } = server.address();
  console.error(`listening on http://${address}:${port}`);
}
