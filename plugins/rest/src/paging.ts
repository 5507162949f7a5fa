//! Which address a page of a list has, and where the next begins. Pure: no requests.

import { ConnectorError, type Answer } from "lockstep-sdk";

import type { ObjectConfig } from "./config.js";
import { ExactNumber, at, type Json } from "./exact.js";

/** The longest token of a page that is kept in a cursor. */
const TOKEN_CHARACTERS_MAX = 8_000;

/** `token`: empty for the first page. `since`: as the query writes it. */
export function pageUrl(baseUrl: string, object: ObjectConfig, token: string, size: number, since?: string): string {
  const { paging, list } = object;
  if (paging.style === "link" && token !== "") return token;
  const query: [string, string][] = [];
  if (since !== undefined && object.since !== "") query.push([object.since, since]);
  if (paging.sizeParameter !== "") query.push([paging.sizeParameter, String(size)]);
  if (token !== "") query.push([paging.parameter, token]);
  else if (paging.style === "page") query.push([paging.parameter, String(paging.first)]);
  if (query.length === 0) return baseUrl + list;
  const told = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return `${baseUrl}${list}${list.includes("?") ? "&" : "?"}${told}`;
}

/** How many rows to ask for. Pages that are counted have to stay the same. */
export function pageSize(object: ObjectConfig, wanted: number): number {
  const { style, size } = object.paging;
  return style === "page" || style === "none" ? size : Math.max(1, Math.min(size, wanted));
}

/** The next page's token; empty: this was the last one. */
export function nextToken(
  baseUrl: string, object: ObjectConfig, token: string, answer: Answer, body: Json, rows: number): string {
  const next = told(baseUrl, object, token, answer, body, rows);
  if (next.length > TOKEN_CHARACTERS_MAX) throw odd(object, "says a next page of more than 8000 letters");
  if (next !== "" && next === token) throw odd(object, "says that a page follows itself");
  return next;
}

function told(baseUrl: string, object: ObjectConfig, token: string, answer: Answer, body: Json, rows: number): string {
  const { paging } = object;
  switch (paging.style) {
    case "none": return "";
    case "cursor": return word(at(body, paging.next));
    // Services cap the size asked for: only an empty page is surely the last.
    case "page": return rows === 0 ? "" : String((token === "" ? paging.first : Number(token)) + 1);
    case "offset": return rows === 0 ? "" : String(Number(token) + rows);
    case "link": {
      const link = paging.next === "" ? linked(answer.headers.get("link") ?? "") : word(at(body, paging.next));
      return link === "" ? "" : own(baseUrl, object, link);
    }
  }
}

function word(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (value instanceof ExactNumber) return value.digits;
  return typeof value === "number" ? String(value) : "";
}

/** The address that a Link header (RFC 8288) calls the next. */
function linked(header: string): string {
  for (const found of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)/i.test(found[2] ?? "")) return found[1] ?? "";
  }
  return "";
}

/** A link, if it leads to the service itself: the cursor must not carry requests elsewhere. */
function own(baseUrl: string, object: ObjectConfig, link: string): string {
  const origin = /^https?:\/\/[^/?#]+/.exec(baseUrl)?.[0] ?? baseUrl;
  if (link.startsWith("?")) return baseUrl + (object.list.split("?")[0] ?? "") + link;
  if (link.startsWith("/") && !link.startsWith("//")) return origin + link;
  if (link === origin || link.startsWith(`${origin}/`) || link.startsWith(`${origin}?`)) return link;
  throw odd(object, "says a next page that is not its own");
}

const odd = (object: ObjectConfig, what: string): ConnectorError =>
  new ConnectorError("internal", `the list of ${object.name} ${what}`, { remedy: `Look at \`paging\` of ${object.name}.` });
