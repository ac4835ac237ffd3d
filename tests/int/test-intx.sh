#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The integration suite on controllers that have INTx and no MSI-X, as far as that matters. The other programs have
# direct queues, which there are none of with a line.
export INT_ONLY="identity commands events served raw reset"
exec "${top_srcdir:?}/tests/int/suite.sh" --no-msix
