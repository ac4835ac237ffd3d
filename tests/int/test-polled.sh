#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The integration suite on controllers without interrupts, as far as these matter: all of it with LONG=1.
[ -n "${LONG:-}" ] || export INT_ONLY="identity commands events served"
exec "${top_srcdir:?}/tests/int/suite.sh" --no-interrupts
