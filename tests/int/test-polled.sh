#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The integration suite on controllers without interrupts, as far as these matter: all programs of it with LONG=1,
# which has their long variants elsewhere.
if [ -n "${LONG:-}" ]; then unset LONG; else export INT_ONLY="identity commands events served"; fi
exec "${top_srcdir:?}/tests/int/suite.sh" --no-interrupts
