/** Addresses of routes, as the config gives them. */

/** Parses an address; undefined for one that is not a URL. */
export const parseAddress = (address: string): URL | undefined =>
  URL.canParse(address) ? new URL(address) : undefined;

/** Appends a name to the path of an address. One that is not a URL stays as it is, and `post` reports it. */
export function addressBelow(address: string, name: string): string {
  const url = parseAddress(address);
  if (url === undefined) return address;
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${name}`;
  return url.href;
}
