// HTTP: a request is sent and its whole answer awaited. The host owns the connections, checks
// where they go, and puts credentials on the wire; a connector never holds one.
//
// Two answers can come from the host instead of the system; both say so in the header
// `lockstep-answer`: 429 with `retry-after` where the connection's rate budget is used up, and 401
// where signing in was refused.
#ifndef LOCKSTEP_HTTP_H
#define LOCKSTEP_HTTP_H

#include <stddef.h>
#include <stdint.h>

enum ls_http_result {
  // With a status of any kind.
  LS_HTTP_ANSWERED,
  // Nothing was sent: the host refuses, the name does not resolve, nobody listens.
  LS_HTTP_NOT_SENT,
  // The host refused it; the words name the line to add to the configuration.
  LS_HTTP_DENIED,
  // It was sent, or may have been; whether it took effect is not known.
  LS_HTTP_UNKNOWN,
};

typedef struct {
  const char *name;
  const char *value;
} ls_http_header;

typedef struct {
  const char *method;
  // https://host[:port]/path?query
  const char *url;
  // Names in lower case; ends with one without a name. May be null.
  const ls_http_header *headers;
  const char *body;
  size_t body_bytes;
  // For the head of the answer, and between two parts of its body. 0: half a minute.
  uint32_t timeout_ms;
} ls_http_request;

// Lives until the call ends.
typedef struct {
  enum ls_http_result result;
  const char *why;
  uint16_t status;
  const char *body;
  size_t body_bytes;
  // Of `retry-after`; -1 where it does not say.
  int64_t retry_after_ms;
} ls_http_answer;

ls_http_answer ls_http_send(const ls_http_request *request);

// One part of a path or query, so that it cannot leave its place.
const char *ls_http_escape(const char *text);

#endif
