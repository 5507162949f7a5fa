// An intent is compared with what is there, written under the service's own precondition, and
// looked at again when somebody was faster.
#include "write.h"

#include <string.h>

#include "service.h"

#define OUTCOME(name) LOCKSTEP_CONNECTOR_MODEL_OUTCOME_##name
#define CELL(name) LOCKSTEP_CONNECTOR_MODEL_CELL_##name
// How often somebody may be faster before the intent is put off.
#define ATTEMPTS 5
#define PAUSE_MS 200

static const char *class_of(const char *code) {
  if (strcmp(code, "too_long") == 0) return "too-long";
  if (strcmp(code, "bad_value") == 0) return "type";
  return strcmp(code, "missing") == 0 ? "not-null" : "validation";
}

static void reject(ls_outcome *out, const char *code, const char *class, const char *message, const char *column) {
  out->tag = OUTCOME(REJECTED);
  out->val.rejected.code = ls_string_of(code);
  out->val.rejected.class_ = ls_string_of(class);
  out->val.rejected.message = ls_string_of(message);
  out->val.rejected.columns = ls_strings_of(1, &column);
}

static void show(ls_outcome *out, uint8_t tag, ls_row *place, const note *shown, const ls_strings *returning) {
  out->tag = tag;
  if (shown != NULL) *place = note_row(shown, returning);
}

// `before`: the note as it was, which a delete shows; null for a create.
static bool settle(const answer *from, const note *before, const ls_strings *returning, ls_outcome *out) {
  const note *shown = from->has_note ? &from->note : before;
  switch (from->verdict) {
    case DONE:
      show(out, OUTCOME(APPLIED), &out->val.applied, shown, returning);
      return true;
    case NOT_FOUND:
      out->tag = OUTCOME(GONE);
      return true;
    case PRECONDITION:
      show(out, OUTCOME(CONFLICT), &out->val.conflict, shown, returning);
      return true;
    case REFUSED:
      reject(out, from->code, class_of(from->code), from->message, from->field);
      return true;
    case LATER:
      out->tag = OUTCOME(THROTTLED);
      out->val.throttled = from->after_ms;
      return true;
    case UNREACHED:
      out->tag = OUTCOME(UNAVAILABLE);
      out->val.unavailable = ls_string_of(from->message);
      return true;
    case UNANSWERED:
      out->tag = OUTCOME(UNKNOWN);
      out->val.unknown = ls_string_of(from->message);
      return true;
    case FAILED:
      break;
  }
  return false;
}

static const char *told_id(const ls_intent *intent, const ls_strings *columns) {
  for (size_t at = 0; at < columns->len && at < intent->cells.len; at++) {
    const ls_cell *cell = &intent->cells.ptr[at];
    if (ls_is(&columns->ptr[at], "id") && cell->tag == CELL(TEXT)) return ls_c(&cell->val.text);
  }
  return NULL;
}

static bool create(const ls_intent *intent, const ls_write_request *of, ls_outcome *out, ls_error *error) {
  const char *fields = note_json(&of->columns, &intent->cells, error);
  if (fields == NULL) return false;
  // The caller's id makes a create repeatable: the service refuses the second.
  const char *id = told_id(intent, &of->columns);
  if (id == NULL) {
    reject(out, "missing", "not-null", "a note needs an id", "id");
    return true;
  }
  answer got = service_send("PUT", id, -1, fields, error);
  if (got.verdict == PRECONDITION && got.has_note) {
    show(out, OUTCOME(DUPLICATE), &out->val.duplicate, &got.note, &of->returning);
    return true;
  }
  return settle(&got, NULL, &of->returning, out);
}

static bool still_holds(const note *there, const ls_intent *intent, const ls_strings *columns) {
  bool holds = true;
  for (size_t at = 0; at < columns->len && at < intent->expected.len; at++) {
    if (intent->expected.ptr[at].tag == CELL(ABSENT)) continue;
    ls_cell now = note_cell(there, &columns->ptr[at]);
    holds = holds && ls_same(&now, &intent->expected.ptr[at]);
    lockstep_connector_model_cell_free(&now);
  }
  return holds;
}

static bool change(const ls_intent *intent, const ls_write_request *of, ls_outcome *out, ls_error *error) {
  const char *id = note_id(&intent->key);
  if (id == NULL) return ls_fail(error, "internal", "not a key of notes");
  bool is_delete = ls_is(&intent->action, "delete");
  const char *fields = is_delete ? NULL : note_json(&of->columns, &intent->cells, error);
  if (!is_delete && fields == NULL) return false;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    note there;
    bool is_there;
    if (!service_get(id, &there, &is_there, error)) return false;
    if (!is_there) {
      out->tag = OUTCOME(GONE);
      return true;
    }
    if (!still_holds(&there, intent, &of->columns)) {
      show(out, OUTCOME(CONFLICT), &out->val.conflict, &there, &of->returning);
      return true;
    }
    answer got = service_send(is_delete ? "DELETE" : "PATCH", id, there.revision, fields, error);
    // Somebody was faster: what they wrote may be another column's.
    if (got.verdict != PRECONDITION) return settle(&got, &there, &of->returning, out);
  }
  out->tag = OUTCOME(THROTTLED);
  out->val.throttled = PAUSE_MS;
  return true;
}

bool write_one(const ls_intent *intent, const ls_write_request *of, ls_outcome *out, ls_error *error) {
  if (ls_is(&intent->action, "create")) return create(intent, of, out, error);
  if (ls_is(&intent->action, "update") || ls_is(&intent->action, "delete")) return change(intent, of, out, error);
  return ls_fail(error, "unsupported", ls_format("the action %s", ls_c(&intent->action)));
}
