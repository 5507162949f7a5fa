// The service's requests and answers. What an answer means for a write is decided in `write`; what
// a note looks like is `note`'s.
#ifndef SERVICE_H
#define SERVICE_H

#include "note.h"

// Where it answers, for the whole session.
void service_is_at(const char *base_url);

// What became of a request that writes.
enum verdict {
  DONE,
  NOT_FOUND,
  // It is not at the revision that was asked for.
  PRECONDITION,
  REFUSED,
  LATER,
  UNREACHED,
  // The request left, and no answer came.
  UNANSWERED,
  // The error is filled in.
  FAILED,
};

typedef struct {
  enum verdict verdict;
  bool has_note;
  note note;
  const char *code;
  const char *field;
  const char *message;
  uint32_t after_ms;
} answer;

// Requests that change nothing. False: the error is filled in.
bool service_status(ls_error *error);
// A page of notes: `notes`, a list, and `next`, a text or null.
const ls_json *service_list(const char *after, uint32_t limit, ls_error *error);
// `is_there` says whether it exists.
bool service_get(const char *id, note *out, bool *is_there, ls_error *error);
bool service_last_change(int64_t *out, ls_error *error);
// Changes after that number: `changes`, a list, and `last`, the number of the last there is.
const ls_json *service_changes(int64_t after, uint32_t limit, uint32_t wait_ms, ls_error *error);

// `revision` below zero: whatever it is. `fields`: JSON, or null.
answer service_send(const char *method, const char *id, int64_t revision, const char *fields, ls_error *error);

#endif
