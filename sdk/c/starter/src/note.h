// A note as the service shows it, and as the contract's rows. No requests here.
#ifndef NOTE_H
#define NOTE_H

#include "json.h"
#include "lockstep.h"

#define OBJECT "notes"
#define VERSION_BYTES 8

// What the service has: an id, a revision, and all else that is told of it.
typedef struct {
  const ls_json *fields;
  const char *id;
  int64_t revision;
} note;

void note_describe(ls_object *out);
// Whether the object and its columns exist; `not-found` names what does not.
bool note_known(const ls_string *object, const ls_strings *columns, ls_error *error);
// False where it is no note.
bool note_read(const ls_json *from, note *out);
ls_cell note_cell(const note *from, const ls_string *column);
ls_cells note_cells(const note *from, const ls_strings *columns);
ls_row note_row(const note *from, const ls_strings *columns);
// A number that compares bytewise: big-endian.
ls_bytes note_version(int64_t number);
// The id that a key names; null where it names none.
const char *note_id(const ls_cells *key);
// What an intent tells, as the service's JSON. Null, and the error, where a note holds no such value.
const char *note_json(const ls_strings *columns, const ls_cells *cells, ls_error *error);

#endif
