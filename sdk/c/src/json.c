// A reader of JSON (RFC 8259) that believes nothing, and a writer.
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep.h"

#define DEPTH_MAX 64
#define BUFFER_BYTES 256

struct reader {
  const char *at;
  const char *end;
};

static ls_json *value(struct reader *from, int depth);

static void skip_space(struct reader *from) {
  while (from->at < from->end && strchr(" \t\r\n", *from->at) != NULL && *from->at != 0) from->at++;
}

static bool take(struct reader *from, const char *word) {
  size_t bytes = strlen(word);
  if ((size_t)(from->end - from->at) < bytes || memcmp(from->at, word, bytes) != 0) return false;
  from->at += bytes;
  return true;
}

static bool hex(struct reader *from, uint32_t *out) {
  *out = 0;
  for (int digit = 0; digit < 4; digit++) {
    if (from->at == from->end) return false;
    char c = *from->at++;
    uint32_t part = c >= '0' && c <= '9' ? (uint32_t)(c - '0')
                    : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                    : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 16;
    if (part == 16) return false;
    *out = *out << 4 | part;
  }
  return true;
}

static void put_character(ls_buffer *to, uint32_t point) {
  char bytes[4];
  size_t count = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char begin[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t at = count; at-- > 1; point >>= 6) bytes[at] = (char)(0x80 | (point & 0x3f));
  bytes[0] = (char)(begin[count] | point);
  ls_put_bytes(to, bytes, count);
}

static bool escaped(struct reader *from, ls_buffer *to) {
  if (from->at == from->end) return false;
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  char letter = *from->at++;
  if (letter != 'u') {
    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    if (found != NULL) ls_put_bytes(to, meant + (found - letters), 1);
    return found != NULL;
  }
  uint32_t point, low;
  if (!hex(from, &point) || (point >= 0xdc00 && point < 0xe000)) return false;
  if (point >= 0xd800 && point < 0xdc00) {
    if (!take(from, "\\u") || !hex(from, &low) || low < 0xdc00 || low >= 0xe000) return false;
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  }
  put_character(to, point);
  return true;
}

// Behind its first quote.
static bool text(struct reader *from, const char **out, size_t *bytes) {
  ls_buffer read = {0};
  while (from->at < from->end && *from->at != '"') {
    unsigned char c = (unsigned char)*from->at;
    if (c < 0x20) return false;
    from->at++;
    if (c != '\\') {
      ls_put_bytes(&read, from->at - 1, 1);
    } else if (!escaped(from, &read)) {
      return false;
    }
  }
  ls_put_bytes(&read, "", 0);
  *out = read.text;
  *bytes = read.bytes;
  return take(from, "\"");
}

static bool digits(struct reader *from) {
  const char *begin = from->at;
  while (from->at < from->end && *from->at >= '0' && *from->at <= '9') from->at++;
  return from->at > begin;
}

static bool number(struct reader *from, ls_json *out) {
  const char *begin = from->at;
  take(from, "-");
  if (!take(from, "0") && !digits(from)) return false;
  if (take(from, ".") && !digits(from)) return false;
  if (take(from, "e") || take(from, "E")) {
    if (!take(from, "+")) take(from, "-");
    if (!digits(from)) return false;
  }
  out->kind = LS_JSON_NUMBER;
  out->bytes = (size_t)(from->at - begin);
  out->text = ls_format("%.*s", (int)out->bytes, begin);
  return true;
}

// Behind its first bracket.
static bool members(struct reader *from, ls_json *out, int depth) {
  const char *end = out->kind == LS_JSON_OBJECT ? "}" : "]";
  ls_json **place = &out->first;
  skip_space(from);
  if (take(from, end)) return true;
  do {
    const char *name = NULL;
    size_t bytes;
    skip_space(from);
    if (out->kind == LS_JSON_OBJECT) {
      if (!take(from, "\"") || !text(from, &name, &bytes)) return false;
      skip_space(from);
      if (!take(from, ":")) return false;
    }
    ls_json *one = value(from, depth + 1);
    if (one == NULL) return false;
    one->name = name;
    *place = one;
    place = &one->next;
    skip_space(from);
  } while (take(from, ","));
  return take(from, end);
}

static ls_json *value(struct reader *from, int depth) {
  ls_json *out = ls_temp(sizeof *out);
  skip_space(from);
  bool read = false;
  if (depth > DEPTH_MAX) {
    read = false;
  } else if (take(from, "{") || take(from, "[")) {
    out->kind = from->at[-1] == '{' ? LS_JSON_OBJECT : LS_JSON_LIST;
    read = members(from, out, depth);
  } else if (take(from, "\"")) {
    out->kind = LS_JSON_TEXT;
    read = text(from, &out->text, &out->bytes);
  } else if (take(from, "true") || take(from, "false")) {
    out->kind = LS_JSON_BOOLEAN;
    out->boolean = from->at[-2] == 'u';
    read = true;
  } else if (take(from, "null")) {
    read = true;
  } else {
    read = number(from, out);
  }
  return read ? out : NULL;
}

const ls_json *ls_json_parse(const char *text, size_t bytes) {
  struct reader from = {text, text + bytes};
  ls_json *read = value(&from, 0);
  skip_space(&from);
  return from.at == from.end ? read : NULL;
}

const ls_json *ls_json_get(const ls_json *object, const char *name) {
  if (object == NULL || object->kind != LS_JSON_OBJECT) return NULL;
  for (const ls_json *one = object->first; one != NULL; one = one->next) {
    if (strcmp(one->name, name) == 0) return one;
  }
  return NULL;
}

const char *ls_json_text(const ls_json *object, const char *name) {
  const ls_json *found = ls_json_get(object, name);
  return found != NULL && found->kind == LS_JSON_TEXT ? found->text : "";
}

bool ls_json_integer(const ls_json *value, int64_t *out) {
  if (value == NULL || value->kind != LS_JSON_NUMBER) return false;
  char *end;
  errno = 0;
  *out = strtoll(value->text, &end, 10);
  return errno == 0 && *end == 0;
}

void ls_put_bytes(ls_buffer *to, const char *text, size_t bytes) {
  // One more for the zero behind it.
  if (to->bytes + bytes + 1 > to->room) {
    size_t room = to->room * 2 > to->bytes + bytes + 1 ? to->room * 2 : to->bytes + bytes + BUFFER_BYTES;
    char *more = ls_temp(room);
    if (to->bytes > 0) memcpy(more, to->text, to->bytes);
    to->text = more;
    to->room = room;
  }
  if (bytes > 0) memcpy(to->text + to->bytes, text, bytes);
  to->bytes += bytes;
  to->text[to->bytes] = 0;
}

void ls_put(ls_buffer *to, const char *text) { ls_put_bytes(to, text, strlen(text)); }

void ls_put_quoted(ls_buffer *to, const char *text, size_t bytes) {
  ls_put(to, "\"");
  for (size_t at = 0; at < bytes; at++) {
    unsigned char c = (unsigned char)text[at];
    if (c == '"' || c == '\\') ls_put(to, "\\");
    if (c < 0x20) {
      ls_put(to, ls_format("\\u%04x", c));
    } else {
      ls_put_bytes(to, text + at, 1);
    }
  }
  ls_put(to, "\"");
}
