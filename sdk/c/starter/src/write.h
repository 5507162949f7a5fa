// What becomes of one intent.
#ifndef WRITE_H
#define WRITE_H

#include "lockstep.h"

// False: the error is filled in.
bool write_one(const ls_intent *intent, const ls_write_request *of, ls_outcome *out, ls_error *error);

#endif
