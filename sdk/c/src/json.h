// JSON, read into memory of the call and written into a growing text.
#ifndef LOCKSTEP_JSON_H
#define LOCKSTEP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ls_json_kind { LS_JSON_NULL, LS_JSON_BOOLEAN, LS_JSON_NUMBER, LS_JSON_TEXT, LS_JSON_LIST, LS_JSON_OBJECT };

// A value. `text`: of a text what it says, of a number its notation; ends with a zero.
typedef struct ls_json {
  enum ls_json_kind kind;
  bool boolean;
  const char *text;
  size_t bytes;
  // Of a list or an object, its first; of one in there, its name and the next.
  struct ls_json *first;
  struct ls_json *next;
  const char *name;
} ls_json;

// Null where it is no JSON, or nested too deeply.
const ls_json *ls_json_parse(const char *text, size_t bytes);
// The value of that name; null where it is no object or has none.
const ls_json *ls_json_get(const ls_json *object, const char *name);
// The text of that name, or "".
const char *ls_json_text(const ls_json *object, const char *name);
// Whether it is a whole number of 64 bits.
bool ls_json_integer(const ls_json *value, int64_t *out);

typedef struct {
  char *text;
  size_t bytes;
  size_t room;
} ls_buffer;

void ls_put(ls_buffer *to, const char *text);
void ls_put_bytes(ls_buffer *to, const char *text, size_t bytes);
// As a JSON text, in quotes.
void ls_put_quoted(ls_buffer *to, const char *text, size_t bytes);

#endif
