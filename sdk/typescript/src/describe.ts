//! What a connector says of itself and its objects, with the fields that are mostly the same left to these functions.

import type { AuthScheme, CheckItem, Column, ColumnType, Outcome, SourceObject } from "./model.js";

/** A way to sign in; the host carries it out, and the secret never comes here. */
export function authScheme(
  name: string, kind: AuthScheme["kind"], secret: string, hosts: string[], more: Partial<AuthScheme> = {}): AuthScheme {
  return {
    name, kind, secret, hosts, tokenUrl: "", clientId: "", subject: "", audience: "", scope: "", header: "",
    clientSecret: "", answers: [], extras: [], ...more,
  };
}

export function columnType(kind: string, native: string, more: Partial<ColumnType> = {}): ColumnType {
  return { kind, native, values: [], ...more };
}

/** A column that may be null, and that Lockstep may write, unless `more` says otherwise. */
export function column(name: string, type: ColumnType, more: Partial<Column> = {}): Column {
  return {
    name, type, label: "", nullable: true, hasDefault: false, createable: true, updateable: true, computed: false,
    unique: false, comment: "", extras: [], ...more,
  };
}

export function sourceObject(
  name: string, columns: Column[], key: string[], more: Partial<SourceObject> = {}): SourceObject {
  return { name, label: name, columns, key, uniqueKeys: [], obstacle: "", extras: [], ...more };
}

export const ok = (name: string, message: string): CheckItem => ({ name, status: "ok", message, remedy: "" });
export const warn = (name: string, message: string, remedy: string): CheckItem =>
  ({ name, status: "warn", message, remedy });
export const fail = (name: string, message: string, remedy: string): CheckItem =>
  ({ name, status: "fail", message, remedy });

export const rejected = (code: string, kind: string, message: string, columns: string[]): Outcome =>
  ({ tag: "rejected", val: { code, class: kind, message, columns } });
