// Addresses on the server that the page came from.

/** An address on this server, with the token that the page was opened with. */
export function onServer(path: string): URL {
  const url = new URL(path, location.href);
  const token = new URLSearchParams(location.search).get("token");
  if (token !== null) url.searchParams.set("token", token);
  return url;
}

/** The same as a WebSocket's address. */
export function socketUrl(path: string): URL {
  const url = onServer(path);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}
