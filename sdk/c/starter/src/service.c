// Requests to the service, and what its answers say.
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "http.h"

#define TIMEOUT_MS 30000
// When to come back, where the service does not say.
#define RETRY_MS 1000

static char *base;

void service_is_at(const char *base_url) {
  size_t bytes = strlen(base_url);
  while (bytes > 0 && base_url[bytes - 1] == '/') bytes--;
  free(base);
  base = ls_list(bytes + 1, 1);
  memcpy(base, base_url, bytes);
}

// What the service says went wrong.
static const char *words(const ls_http_answer *from, const ls_json *body) {
  const char *message = ls_json_text(body, "message");
  return ls_format("the service answered %d: %s", from->status, *message == 0 ? "no words" : message);
}

static uint32_t after_ms(const ls_http_answer *from) {
  return from->retry_after_ms < 0 ? RETRY_MS : (uint32_t)from->retry_after_ms;
}

static const char *code_of(int status) {
  if (status == 401 || status == 403) return "auth";
  if (status == 404) return "not-found";
  if (status == 410) return "cursor-invalid";
  if (status == 429) return "throttled";
  return status >= 500 ? "unavailable" : "internal";
}

// Whatever keeps it from being answered passes. Null: the error is filled in.
static const ls_json *ask(const char *path, uint32_t wait_ms, ls_error *error) {
  ls_http_request request = {
      .method = "GET", .url = ls_format("%s%s", base, path), .timeout_ms = TIMEOUT_MS + wait_ms};
  ls_http_answer got = ls_http_send(&request);
  if (got.result != LS_HTTP_ANSWERED) {
    ls_fail(error, got.result == LS_HTTP_DENIED ? "denied" : "unavailable", got.why);
    return NULL;
  }
  const ls_json *body = ls_json_parse(got.body, got.body_bytes);
  if (got.status < 200 || got.status >= 300) {
    ls_fail(error, code_of(got.status), words(&got, body));
    error->retry_after_ms.is_some = got.status == 429;
    error->retry_after_ms.val = after_ms(&got);
    return NULL;
  }
  if (body == NULL) ls_fail(error, "internal", "an answer that was not understood");
  return body;
}

static const ls_json *ask_for_list(const char *path, const char *list, uint32_t wait_ms, ls_error *error) {
  const ls_json *body = ask(path, wait_ms, error);
  if (body == NULL) return NULL;
  const ls_json *found = ls_json_get(body, list);
  if (found != NULL && found->kind == LS_JSON_LIST) return body;
  ls_fail(error, "internal", ls_format("the service's answer has no %s", list));
  return NULL;
}

bool service_status(ls_error *error) { return ask("/status", 0, error) != NULL; }

const ls_json *service_list(const char *after, uint32_t limit, ls_error *error) {
  return ask_for_list(ls_format("/notes?after=%s&limit=%u", ls_http_escape(after), limit), "notes", 0, error);
}

bool service_get(const char *id, note *out, bool *is_there, ls_error *error) {
  *is_there = false;
  const ls_json *body = ask(ls_format("/notes/%s", ls_http_escape(id)), 0, error);
  if (body == NULL) {
    if (!ls_is(&error->code, "not-found")) return false;
    exports_lockstep_connector_connector_error_free(error);
    return true;
  }
  *is_there = true;
  return note_read(body, out) || ls_fail(error, "internal", "an answer that is no note");
}

bool service_last_change(int64_t *out, ls_error *error) {
  const ls_json *body = ask("/changes", 0, error);
  if (body == NULL) return false;
  return ls_json_integer(ls_json_get(body, "last"), out) ||
         ls_fail(error, "internal", "the service does not say where its log ends");
}

const ls_json *service_changes(int64_t after, uint32_t limit, uint32_t wait_ms, ls_error *error) {
  const char *path = ls_format("/changes?after=%lld&limit=%u&wait_ms=%u", (long long)after, limit, wait_ms);
  return ask_for_list(path, "changes", wait_ms, error);
}

static answer judged(const ls_http_answer *got, ls_error *error) {
  const ls_json *body = ls_json_parse(got->body, got->body_bytes);
  answer out = {.message = words(got, body), .code = ls_json_text(body, "code"), .field = ls_json_text(body, "field")};
  if (got->status >= 200 && got->status < 300) {
    out.has_note = note_read(body, &out.note);
    bool is_understood = got->status == 204 || out.has_note;
    out.verdict = is_understood ? DONE : FAILED;
    if (!is_understood) ls_fail(error, "internal", "an answer that is no note");
  } else if (got->status == 401 || got->status == 403) {
    out.verdict = FAILED;
    ls_fail(error, "auth", out.message);
  } else if (got->status == 404) {
    out.verdict = NOT_FOUND;
  } else if (got->status == 412) {
    out.verdict = PRECONDITION;
    out.has_note = note_read(ls_json_get(body, "note"), &out.note);
  } else if (got->status == 429) {
    out.verdict = LATER;
    out.after_ms = after_ms(got);
  } else {
    // An answer of 500 and above: it may have been done all the same.
    out.verdict = got->status >= 500 ? UNANSWERED : REFUSED;
  }
  return out;
}

answer service_send(const char *method, const char *id, int64_t revision, const char *fields, ls_error *error) {
  ls_http_header headers[3] = {0};
  size_t count = 0;
  if (revision >= 0) headers[count++] = (ls_http_header){"if-match", ls_format("\"%lld\"", (long long)revision)};
  if (fields != NULL) headers[count++] = (ls_http_header){"content-type", "application/json"};
  ls_http_request request = {
      .method = method,
      .url = ls_format("%s/notes/%s", base, ls_http_escape(id)),
      .headers = headers,
      .body = fields,
      .body_bytes = fields == NULL ? 0 : strlen(fields),
  };
  ls_http_answer got = ls_http_send(&request);
  switch (got.result) {
    case LS_HTTP_DENIED:
      ls_fail(error, "denied", got.why);
      return (answer){.verdict = FAILED};
    case LS_HTTP_NOT_SENT:
      return (answer){.verdict = UNREACHED, .message = got.why};
    case LS_HTTP_UNKNOWN:
      return (answer){.verdict = UNANSWERED, .message = got.why};
    case LS_HTTP_ANSWERED:
      break;
  }
  return judged(&got, error);
}
