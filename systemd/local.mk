# SPDX-License-Identifier: GPL-2.0-or-later
# Units, and what they need to be there. All go below the prefix, unless configure was told otherwise.
systemdsystemunit_DATA = %D%/vfnd.service %D%/vfnd.socket
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = %D%/sysusers.d/vfnd.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
tmpfiles_DATA = %D%/tmpfiles.d/vfnd.conf
udevrulesdir = $(prefix)/lib/udev/rules.d
udevrules_DATA = %D%/udev/60-vfnd.rules
EXTRA_DIST += %D%/vfnd.service.in %D%/vfnd.socket $(sysusers_DATA) $(tmpfiles_DATA) \
	$(udevrules_DATA)
CLEANFILES += %D%/vfnd.service

# The name to be replaced is written so that configure does not do it here already.
%D%/vfnd.service: %D%/vfnd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && sed -e 's,[@]sbindir[@],$(sbindir),g' \
		$(top_srcdir)/%D%/vfnd.service.in >$@.tmp && mv $@.tmp $@
