/* SPDX-License-Identifier: GPL-2.0-or-later */
/* canned-tally - what the sessions and queues of the fake daemon did */
#ifndef VFND_TESTS_CANNED_TALLY_H
#define VFND_TESTS_CANNED_TALLY_H

#include <stdbool.h>

#include "proto/vfnd.pb-c.h"

/* The answer; what it points to is good until the next one of the thread. */
void canned_tally(const Vfnd__TallyRequest *req, Vfnd__TallyAnswer *answer);

#endif
