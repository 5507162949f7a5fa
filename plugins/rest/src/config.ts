//! The connection's configuration: what it may say, and what it means. Pure.

import { ConnectorError } from "lockstep-sdk";

import { KINDS, type Kind } from "./value.js";

export type PagingStyle = "none" | "cursor" | "page" | "offset" | "link";
export const STYLES: PagingStyle[] = ["none", "cursor", "page", "offset", "link"];

export interface Paging {
  style: PagingStyle;
  /** The query parameter that says which page. */
  parameter: string;
  /** Where in an answer the next page's token or address is; for `link`, empty: in the Link header. */
  next: string;
  /** The query parameter that says how many rows; empty: the service decides. */
  sizeParameter: string;
  size: number;
  /** The first page's number. */
  first: number;
}

export interface ObjectConfig {
  name: string;
  list: string;
  /** Where in a list's answer the rows are. */
  rows: string;
  /** With `{id}` in it. */
  item: string;
  /** Where in an item's answer the row is. */
  row: string;
  id: string;
  modified: string;
  modifiedKind: Kind;
  /** The query parameter that leaves out what was modified before; empty: every poll reads the whole list. */
  since: string;
  /** The field that says that a row is deleted; empty: rows vanish. */
  deleted: string;
  paging: Paging;
  /** Undefined: sampled from the first page. */
  fields: Map<string, Kind> | undefined;
  isWritable: boolean;
  /** `PUT` to the item's address under an id that the caller gives, or `POST` to the list's. */
  create: "POST" | "PUT";
}

export interface Config {
  /** Without a slash at its end. */
  baseUrl: string;
  headers: Record<string, string>;
  pollEveryMs: number;
  overlapMs: number;
  /** Zero: never. */
  compareEveryMs: number;
  objects: Map<string, ObjectConfig>;
}

const SIZE = 100;
const SIZE_MAX = 1_000;
const POLL_EVERY_S = 10;
const OVERLAP_S = 60;
const COMPARE_EVERY_S = 86_400;

const text = (description: string, more = {}) => ({ type: "string", description, ...more });
const seconds = (description: string, normal: number, minimum: number) =>
  ({ type: "integer", minimum, default: normal, description });

export const CONFIG_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["base_url", "objects"],
  properties: {
    base_url: text("where the service answers, such as https://api.example.com"),
    user: text("the user, to sign in by `basic`"),
    token_url: text("where tokens come from, to sign in by `client-credentials`"),
    client_id: text("the client's id, to sign in by `client-credentials`"),
    scope: text("what is asked for, to sign in by `client-credentials`"),
    headers: { type: "object", additionalProperties: { type: "string" }, description: "headers that every request carries" },
    poll_every_s: seconds("how often the service is asked for changes", POLL_EVERY_S, 1),
    overlap_s: seconds("how late the service's lists may show what was modified", OVERLAP_S, 0),
    compare_every_s: seconds("how often everything is compared, which finds what no list tells; 0: never", COMPARE_EVERY_S, 0),
    objects: {
      type: "object",
      minProperties: 1,
      description: "the objects, by the name that syncs call them",
      additionalProperties: {
        type: "object",
        additionalProperties: false,
        required: ["list", "modified"],
        properties: {
          list: text("the path of the list, with a query where it needs one"),
          rows: text("where in a list's answer the rows are, such as `data`", { default: "" }),
          item: text("the path of one row, with {id}; otherwise the list's path and /{id}"),
          row: text("where in the answer for one row the row is", { default: "" }),
          id: text("the field that identifies a row", { default: "id" }),
          modified: text("the field that says when a row was last modified"),
          since: text("the query parameter that asks for what was modified since; without it every poll reads the list"),
          deleted: text("the field that says that a row is deleted; without it deletes are found by comparing"),
          paging: {
            type: "object",
            additionalProperties: false,
            required: ["style"],
            properties: {
              style: { enum: STYLES, description: "how further pages are asked for" },
              parameter: text("the query parameter that says which page"),
              next: text("where in an answer the next page's token or address is, such as `paging.next`"),
              size_parameter: text("the query parameter that says how many rows a page has"),
              size: { type: "integer", minimum: 1, maximum: SIZE_MAX, default: SIZE, description: "rows in a page" },
              first: { type: "integer", minimum: 0, default: 1, description: "the number of the first page" },
            },
          },
          fields: {
            type: "object",
            additionalProperties: { enum: [...KINDS] },
            description: "the fields and their types; without it they are sampled from the first page",
          },
          writable: { type: "boolean", default: false, description: "rows are created, changed and deleted" },
          create: { enum: ["POST", "PUT"], default: "POST", description: "PUT: rows are created under an id that is given" },
        },
      },
    },
  },
};

type Members = Record<string, unknown>;

const bad = (what: string): never => {
  throw new ConnectorError("config", `configuration: ${what}`);
};

export function parseConfig(told: string): Config {
  const given = members(JSON.parse(told), "it");
  const objects = new Map<string, ObjectConfig>();
  for (const [name, object] of Object.entries(members(given.objects, "`objects`"))) objects.set(name, parseObject(name, object));
  if (objects.size === 0) bad("`objects` names none");
  const baseUrl = string(given, "base_url", "").replace(/\/+$/, "");
  if (!/^https?:\/\/[^/]/.test(baseUrl)) bad("`base_url` is no address such as https://api.example.com");
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(members(given.headers ?? {}, "`headers`"))) headers[name] = String(value);
  return {
    baseUrl,
    headers,
    objects,
    pollEveryMs: number(given, "poll_every_s", POLL_EVERY_S) * 1_000,
    overlapMs: number(given, "overlap_s", OVERLAP_S) * 1_000,
    compareEveryMs: number(given, "compare_every_s", COMPARE_EVERY_S) * 1_000,
  };
}

function parseObject(name: string, told: unknown): ObjectConfig {
  const given = members(told, `object ${name}`);
  const list = string(given, "list", "");
  if (!list.startsWith("/")) bad(`\`list\` of ${name} is no path such as /v1/${name}`);
  const item = string(given, "item", `${list.split("?")[0]}/{id}`);
  if (!item.startsWith("/") || !item.includes("{id}")) bad(`\`item\` of ${name} is no path with {id}`);
  const fields = given.fields === undefined ? undefined : kinds(given.fields, name);
  const id = string(given, "id", "id");
  const modified = string(given, "modified", "");
  if (modified === "") bad(`\`modified\` of ${name} is missing`);
  for (const field of [id, modified]) if (fields?.has(field) === false) bad(`\`fields\` of ${name} has no ${field}`);
  const modifiedKind = fields?.get(modified) ?? "timestamp";
  if (!["timestamp", "unix-seconds", "unix-milliseconds"].includes(modifiedKind)) {
    bad(`${modified} of ${name} has to be a timestamp, unix-seconds or unix-milliseconds`);
  }
  const isWritable = given.writable === true;
  const create = string(given, "create", "POST");
  if (create !== "POST" && create !== "PUT") return bad(`\`create\` of ${name} is POST or PUT`);
  return {
    name, list, item, id, modified, modifiedKind, fields, isWritable, create,
    rows: string(given, "rows", ""),
    row: string(given, "row", ""),
    since: string(given, "since", ""),
    deleted: string(given, "deleted", ""),
    paging: parsePaging(given.paging ?? { style: "none" }, name),
  };
}

function parsePaging(told: unknown, name: string): Paging {
  const given = members(told, `\`paging\` of ${name}`);
  const style = STYLES.find((known) => known === given.style);
  if (style === undefined) return bad(`\`paging.style\` of ${name} is one of ${STYLES.join(", ")}`);
  const parameter = string(given, "parameter", "");
  const next = string(given, "next", "");
  if (["cursor", "page", "offset"].includes(style) && parameter === "") bad(`\`paging.parameter\` of ${name} is missing`);
  if (style === "cursor" && next === "") bad(`\`paging.next\` of ${name} is missing`);
  const size = number(given, "size", SIZE);
  if (size < 1 || size > SIZE_MAX) bad(`\`paging.size\` of ${name} is 1 to ${SIZE_MAX}`);
  return { style, parameter, next, size, sizeParameter: string(given, "size_parameter", ""), first: number(given, "first", 1) };
}

function kinds(told: unknown, name: string): Map<string, Kind> {
  const made = new Map<string, Kind>();
  for (const [field, kind] of Object.entries(members(told, `\`fields\` of ${name}`))) {
    const known = KINDS.find((one) => one === kind);
    made.set(field, known ?? bad(`${field} of ${name} is of no known type; there are ${KINDS.join(", ")}`));
  }
  return made;
}

function members(told: unknown, what: string): Members {
  if (told === null || typeof told !== "object" || Array.isArray(told)) return bad(`${what} is no table`);
  return told as Members;
}

function string(given: Members, key: string, normal: string): string {
  const value = given[key] ?? normal;
  return typeof value === "string" ? value : bad(`\`${key}\` is no text`);
}

function number(given: Members, key: string, normal: number): number {
  const value = given[key] ?? normal;
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : bad(`\`${key}\` is no whole number`);
}
