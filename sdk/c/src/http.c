// Requests over `wasi:http`. The host takes the whole body over, decompresses answers, and bounds
// everything.
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lockstep.h"

#define READ_BYTES (256 * 1024)
#define RESPONSE_BYTES_MAX (64u * 1024 * 1024)
#define TIMEOUT_MS 30000
#define CODE(name) WASI_HTTP_TYPES_ERROR_CODE_##name

static ls_http_answer without(enum ls_http_result result, const char *why) {
  return (ls_http_answer){.result = result, .why = why, .retry_after_ms = -1};
}

// Points to the text; nothing is copied.
static ls_string at(const char *text) { return (ls_string){(uint8_t *)text, strlen(text)}; }

// Only what certainly happened before anything was sent counts as not sent.
static ls_http_answer failed(const wasi_http_types_error_code_t *code) {
  switch (code->tag) {
    case CODE(INTERNAL_ERROR): {
      if (!code->val.internal_error.is_some) break;
      const char *words = ls_c(&code->val.internal_error.val);
      if (strncmp(words, "denied: ", 8) == 0) return without(LS_HTTP_DENIED, words + 8);
      if (strncmp(words, "not sent: ", 10) == 0) return without(LS_HTTP_NOT_SENT, words + 10);
      return without(LS_HTTP_UNKNOWN, words);
    }
    case CODE(HTTP_REQUEST_DENIED):
    case CODE(DESTINATION_IP_PROHIBITED):
      return without(LS_HTTP_DENIED, "it is not granted to this connector");
    case CODE(DNS_TIMEOUT):
    case CODE(DNS_ERROR):
    case CODE(DESTINATION_NOT_FOUND):
      return without(LS_HTTP_NOT_SENT, "the host cannot be looked up");
    case CODE(DESTINATION_UNAVAILABLE):
    case CODE(DESTINATION_IP_UNROUTABLE):
    case CODE(CONNECTION_REFUSED):
    case CODE(CONNECTION_TIMEOUT):
      return without(LS_HTTP_NOT_SENT, "the host cannot be reached");
    case CODE(CONNECTION_LIMIT_REACHED):
      return without(LS_HTTP_NOT_SENT, "too many requests at a time");
    case CODE(TLS_PROTOCOL_ERROR):
    case CODE(TLS_CERTIFICATE_ERROR):
    case CODE(TLS_ALERT_RECEIVED):
      return without(LS_HTTP_NOT_SENT, "the encryption could not be agreed on");
    case CODE(HTTP_REQUEST_LENGTH_REQUIRED):
    case CODE(HTTP_REQUEST_BODY_SIZE):
    case CODE(HTTP_REQUEST_METHOD_INVALID):
    case CODE(HTTP_REQUEST_URI_INVALID):
    case CODE(HTTP_REQUEST_URI_TOO_LONG):
    case CODE(HTTP_REQUEST_HEADER_SECTION_SIZE):
    case CODE(HTTP_REQUEST_HEADER_SIZE):
    case CODE(CONFIGURATION_ERROR):
      return without(LS_HTTP_NOT_SENT, "the request is malformed or too large");
    default:
      break;
  }
  return without(LS_HTTP_UNKNOWN, "no answer arrived");
}

static void set_method(wasi_http_types_method_t *out, const char *name) {
  static const struct { const char *name; uint8_t tag; } known[] = {
      {"GET", WASI_HTTP_TYPES_METHOD_GET},       {"HEAD", WASI_HTTP_TYPES_METHOD_HEAD},
      {"POST", WASI_HTTP_TYPES_METHOD_POST},     {"PUT", WASI_HTTP_TYPES_METHOD_PUT},
      {"DELETE", WASI_HTTP_TYPES_METHOD_DELETE}, {"PATCH", WASI_HTTP_TYPES_METHOD_PATCH},
  };
  for (size_t which = 0; which < sizeof known / sizeof *known; which++) {
    if (strcmp(known[which].name, name) == 0) {
      out->tag = known[which].tag;
      return;
    }
  }
  out->tag = WASI_HTTP_TYPES_METHOD_OTHER;
  out->val.other = at(name);
}

static bool set_headers(wasi_http_types_own_fields_t *out, const ls_http_header *given) {
  size_t count = 0;
  while (given != NULL && given[count].name != NULL) count++;
  wasi_http_types_tuple2_field_name_field_value_t *pairs = ls_temp((count + 1) * sizeof *pairs);
  for (size_t which = 0; which < count; which++) {
    pairs[which].f0 = at(given[which].name);
    ls_string value = at(given[which].value);
    pairs[which].f1.ptr = value.ptr;
    pairs[which].f1.len = value.len;
  }
  wasi_http_types_list_tuple2_field_name_field_value_t list = {pairs, count};
  wasi_http_types_header_error_t error;
  return wasi_http_types_static_fields_from_list(&list, out, &error);
}

// Scheme, authority and path of the address. False where it is none.
static bool set_address(wasi_http_types_borrow_outgoing_request_t request, const char *url) {
  bool is_https = strncmp(url, "https://", 8) == 0;
  if (!is_https && strncmp(url, "http://", 7) != 0) return false;
  const char *authority = url + (is_https ? 8 : 7);
  size_t bytes = strcspn(authority, "/?");
  if (bytes == 0 || memchr(authority, '@', bytes) != NULL) return false;
  wasi_http_types_scheme_t scheme = {
      .tag = is_https ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP};
  ls_string host = {(uint8_t *)authority, bytes};
  ls_string path = at(authority[bytes] == 0 ? "/" : authority + bytes);
  return wasi_http_types_method_outgoing_request_set_scheme(request, &scheme) &&
         wasi_http_types_method_outgoing_request_set_authority(request, &host) &&
         wasi_http_types_method_outgoing_request_set_path_with_query(request, &path);
}

// The body goes to the host's memory, so this waits for nobody else.
static void hand_over(wasi_http_types_own_outgoing_body_t body, const char *bytes, size_t count) {
  wasi_io_streams_own_output_stream_t stream;
  bool is_taken = wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream);
  wasi_io_streams_stream_error_t error;
  while (is_taken && count > 0) {
    wasi_io_streams_borrow_output_stream_t to = wasi_io_streams_borrow_output_stream(stream);
    uint64_t room;
    if (!wasi_io_streams_method_output_stream_check_write(to, &room, &error)) {
      wasi_io_streams_stream_error_free(&error);
      break;
    }
    if (room == 0) {
      wasi_io_poll_own_pollable_t writable = wasi_io_streams_method_output_stream_subscribe(to);
      wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(writable));
      wasi_io_poll_pollable_drop_own(writable);
      continue;
    }
    ls_bytes part = {(uint8_t *)bytes, room < count ? (size_t)room : count};
    if (!wasi_io_streams_method_output_stream_write(to, &part, &error)) {
      wasi_io_streams_stream_error_free(&error);
      break;
    }
    bytes += part.len;
    count -= part.len;
  }
  if (is_taken) wasi_io_streams_output_stream_drop_own(stream);
  wasi_http_types_error_code_t code;
  if (count > 0) {
    // The host has stopped listening: why, the answer tells.
    wasi_http_types_outgoing_body_drop_own(body);
  } else if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &code)) {
    wasi_http_types_error_code_free(&code);
  }
}

static void read_headers(wasi_http_types_borrow_incoming_response_t response, ls_http_answer *answer) {
  wasi_http_types_own_headers_t headers = wasi_http_types_method_incoming_response_headers(response);
  ls_string name = at("retry-after");
  wasi_http_types_list_field_value_t found;
  wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(headers), &name, &found);
  if (found.len > 0) {
    ls_string told = {found.ptr[0].ptr, found.ptr[0].len};
    char *end;
    const char *text = ls_c(&told);
    long long seconds = strtoll(text, &end, 10);
    if (end != text && *end == 0 && seconds >= 0 && seconds < 1000000) answer->retry_after_ms = seconds * 1000;
  }
  wasi_http_types_list_field_value_free(&found);
  wasi_http_types_fields_drop_own(headers);
}

static bool read_body(wasi_io_streams_borrow_input_stream_t stream, ls_buffer *out) {
  for (;;) {
    ls_bytes part;
    wasi_io_streams_stream_error_t error;
    if (!wasi_io_streams_method_input_stream_blocking_read(stream, READ_BYTES, &part, &error)) {
      bool is_end = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
      wasi_io_streams_stream_error_free(&error);
      return is_end;
    }
    bool fits = out->bytes + part.len <= RESPONSE_BYTES_MAX;
    if (fits) ls_put_bytes(out, (const char *)part.ptr, part.len);
    connector_world_list_u8_free(&part);
    if (!fits) return false;
  }
}

static ls_http_answer read_answer(wasi_http_types_own_incoming_response_t response) {
  wasi_http_types_borrow_incoming_response_t from = wasi_http_types_borrow_incoming_response(response);
  ls_http_answer answer = {.result = LS_HTTP_ANSWERED, .why = "", .retry_after_ms = -1};
  answer.status = wasi_http_types_method_incoming_response_status(from);
  read_headers(from, &answer);
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_own_input_stream_t stream;
  ls_buffer read = {0};
  ls_put_bytes(&read, "", 0);
  bool is_whole = false;
  if (wasi_http_types_method_incoming_response_consume(from, &body)) {
    if (wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream)) {
      is_whole = read_body(wasi_io_streams_borrow_input_stream(stream), &read);
      wasi_io_streams_input_stream_drop_own(stream);
    }
    wasi_http_types_incoming_body_drop_own(body);
  }
  wasi_http_types_incoming_response_drop_own(response);
  if (!is_whole) return without(LS_HTTP_UNKNOWN, "the answer broke off, or is too large");
  answer.body = read.text;
  answer.body_bytes = read.bytes;
  return answer;
}

static ls_http_answer await(wasi_http_types_own_future_incoming_response_t future) {
  wasi_http_types_borrow_future_incoming_response_t of = wasi_http_types_borrow_future_incoming_response(future);
  wasi_io_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(of);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t got;
  ls_http_answer answer = without(LS_HTTP_UNKNOWN, "no answer arrived");
  if (wasi_http_types_method_future_incoming_response_get(of, &got) && !got.is_err) {
    if (got.val.ok.is_err) {
      answer = failed(&got.val.ok.val.err);
      wasi_http_types_error_code_free(&got.val.ok.val.err);
    } else {
      answer = read_answer(got.val.ok.val.ok);
    }
  }
  wasi_http_types_future_incoming_response_drop_own(future);
  return answer;
}

ls_http_answer ls_http_send(const ls_http_request *request) {
  wasi_http_types_own_fields_t headers;
  if (!set_headers(&headers, request->headers)) return without(LS_HTTP_NOT_SENT, "a header cannot be set");
  wasi_http_types_own_outgoing_request_t outgoing = wasi_http_types_constructor_outgoing_request(headers);
  wasi_http_types_borrow_outgoing_request_t to = wasi_http_types_borrow_outgoing_request(outgoing);
  wasi_http_types_method_t method;
  set_method(&method, request->method);
  wasi_http_types_own_outgoing_body_t body;
  bool has_body = request->body_bytes > 0;
  if (!wasi_http_types_method_outgoing_request_set_method(to, &method) || !set_address(to, request->url) ||
      (has_body && !wasi_http_types_method_outgoing_request_body(to, &body))) {
    wasi_http_types_outgoing_request_drop_own(outgoing);
    return without(LS_HTTP_NOT_SENT, ls_format("this cannot be asked: %s %s", request->method, request->url));
  }
  uint64_t timeout = (uint64_t)(request->timeout_ms == 0 ? TIMEOUT_MS : request->timeout_ms) * 1000000;
  wasi_http_types_own_request_options_t options = wasi_http_types_constructor_request_options();
  wasi_http_types_borrow_request_options_t of = wasi_http_types_borrow_request_options(options);
  wasi_http_types_method_request_options_set_connect_timeout(of, &timeout);
  wasi_http_types_method_request_options_set_first_byte_timeout(of, &timeout);
  wasi_http_types_method_request_options_set_between_bytes_timeout(of, &timeout);
  wasi_http_types_own_future_incoming_response_t future;
  wasi_http_types_error_code_t code;
  bool is_begun = wasi_http_outgoing_handler_handle(outgoing, &options, &future, &code);
  if (!is_begun) {
    if (has_body) wasi_http_types_outgoing_body_drop_own(body);
    ls_http_answer answer = failed(&code);
    wasi_http_types_error_code_free(&code);
    return answer;
  }
  if (has_body) hand_over(body, request->body, request->body_bytes);
  return await(future);
}

const char *ls_http_escape(const char *text) {
  ls_buffer out = {0};
  ls_put_bytes(&out, "", 0);
  for (; *text != 0; text++) {
    unsigned char c = (unsigned char)*text;
    bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_' || c == '~';
    ls_put(&out, is_plain ? ls_format("%c", c) : ls_format("%%%02X", c));
  }
  return out.text;
}
