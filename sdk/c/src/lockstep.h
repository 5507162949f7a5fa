// What a connector is written against in C: the contract's types under short names, one table of
// functions to fill in, and memory that ends with the call.
//
// Two kinds of memory. What `ls_temp` gives lives until the call ends; everything of this SDK that
// returns a pointer gives such. What goes out in an answer (strings, lists) is made by
// `ls_string_of`, `ls_list` and the like, and belongs to the answer: it is freed after the call,
// also where the call fails half-way.
#ifndef LOCKSTEP_H
#define LOCKSTEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generated/connector_world.h"

typedef connector_world_string_t ls_string;
typedef connector_world_list_string_t ls_strings;
typedef connector_world_list_u8_t ls_bytes;
typedef lockstep_connector_model_cell_t ls_cell;
typedef lockstep_connector_model_list_cell_t ls_cells;
typedef lockstep_connector_model_error_t ls_error;
typedef lockstep_connector_model_auth_scheme_t ls_auth_scheme;
typedef lockstep_connector_model_connector_spec_t ls_spec;
typedef lockstep_connector_model_check_item_t ls_check_item;
typedef exports_lockstep_connector_connector_list_check_item_t ls_check_items;
typedef lockstep_connector_model_column_t ls_column;
typedef lockstep_connector_model_object_t ls_object;
typedef exports_lockstep_connector_connector_list_object_t ls_objects;
typedef lockstep_connector_model_selection_t ls_selection;
typedef exports_lockstep_connector_connector_list_selection_t ls_selections;
typedef lockstep_connector_model_row_t ls_row;
typedef lockstep_connector_model_page_request_t ls_page_request;
typedef lockstep_connector_model_page_t ls_page;
typedef lockstep_connector_model_position_t ls_position;
typedef lockstep_connector_model_change_row_t ls_change_row;
typedef lockstep_connector_model_change_batch_t ls_change_batch;
typedef lockstep_connector_model_changes_request_t ls_changes_request;
typedef lockstep_connector_model_changes_answer_t ls_changes_answer;
typedef lockstep_connector_model_fetch_request_t ls_fetch_request;
typedef lockstep_connector_model_found_t ls_found;
typedef exports_lockstep_connector_connector_list_found_t ls_founds;
typedef lockstep_connector_model_intent_t ls_intent;
typedef lockstep_connector_model_write_request_t ls_write_request;
typedef lockstep_connector_model_outcome_t ls_outcome;
typedef exports_lockstep_connector_connector_list_outcome_t ls_outcomes;
typedef lockstep_connector_model_ensure_request_t ls_ensure_request;
typedef lockstep_connector_model_webhook_t ls_webhook;
typedef lockstep_connector_model_webhook_answer_t ls_webhook_answer;

// One session with one system: what Lockstep may ask of it. A function that is not there answers
// `unsupported`. One that gives false has filled in the error, with `ls_fail`. Answers come empty.
typedef struct {
  // What this connector is and can do. Asked before anything is open.
  void (*spec)(ls_spec *out);
  // Start the session. `role`: `tail`, `write`, `read` or `ingest`. `config`: JSON.
  bool (*open)(const ls_string *role, const ls_string *config, ls_error *error);
  // What works and what is missing, each with its remedy. No objects: all.
  bool (*check)(const ls_strings *objects, ls_check_items *out, ls_error *error);
  // Describe these objects; none: every object there is.
  bool (*discover)(const ls_strings *objects, ls_objects *out, ls_error *error);
  // Prepare the change stream and say where it starts.
  bool (*start)(const ls_selections *selections, ls_position *out, ls_error *error);
  // Remove what `start` made at the source; says what was removed.
  bool (*release)(ls_strings *out, ls_error *error);
  // A page of a full read.
  bool (*read)(const ls_page_request *request, ls_page *out, ls_error *error);
  // The next changes, and the cursor after them.
  bool (*changes)(const ls_changes_request *request, ls_changes_answer *out, ls_error *error);
  // The current rows of the given keys.
  bool (*fetch)(const ls_fetch_request *request, ls_founds *out, ls_error *error);
  // Write; one outcome an intent, in order.
  bool (*write)(const ls_write_request *request, ls_outcomes *out, ls_error *error);
  // Create or extend an object; the statements run or, when dry, meant.
  bool (*ensure)(const ls_ensure_request *request, ls_strings *out, ls_error *error);
  // Verify and answer a webhook, and hand back what it tells.
  bool (*ingest)(const ls_webhook *request, ls_webhook_answer *out, ls_error *error);
} ls_connector;

// The author's.
extern const ls_connector connector;

// Memory until the end of the call, all zeroes. Never null: without memory the session ends.
void *ls_temp(size_t bytes);
// Text like printf's, until the end of the call.
const char *ls_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A string of the contract as one of C, until the end of the call.
const char *ls_c(const ls_string *text);
bool ls_is(const ls_string *text, const char *other);

// For answers: a copy of a text, a number of bytes, a list of so many elements, all zeroes.
ls_string ls_string_of(const char *text);
ls_string ls_copy(const char *text, size_t bytes);
ls_bytes ls_bytes_of(const void *from, size_t bytes);
void *ls_list(size_t count, size_t element_bytes);
// As many texts as are named, for a list of strings.
ls_strings ls_strings_of(size_t count, const char *const *texts);

// Cells for answers.
ls_cell ls_null(void);
ls_cell ls_boolean(bool value);
ls_cell ls_integer(int64_t value);
ls_cell ls_text(const char *text, size_t bytes);
ls_cell ls_json_cell(const char *text);
// Whether two cells say the same. `absent` equals nothing but absent.
bool ls_same(const ls_cell *one, const ls_cell *other);

// Fills the error in and gives false. Codes: `retry`, `throttled`, `unavailable`, `auth`, `denied`,
// `config`, `not-found`, `cursor-invalid`, `unsupported`, `internal`.
bool ls_fail(ls_error *error, const char *code, const char *message);

// A line in the host's log: `error`, `warn`, `info`, `debug` or `trace`. Names, never values.
void ls_log(const char *level, const char *message);

#endif
