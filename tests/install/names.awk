# SPDX-License-Identifier: GPL-2.0-or-later
# names.awk: out of names.txt, a source in C and C++ that compiles if each name is declared.
BEGIN {
	print "#include <stddef.h>"
	print "#include <vfn/nvme.h>\n#include <vfn/vfio.h>\n#include <vfn/iommu.h>"
	print "#include <vfn/pci.h>\n#include <vfn/support.h>\n#include <vfn/trace.h>"
	print "#include <vfn/trace/events.h>"
	print "#ifdef __cplusplus\n#define _Static_assert static_assert\n#endif"
	print "int main(void)\n{"
}
/^#/ || NF == 0 { next }
{ n++ }
$1 == "m" {
	for (i = 2; i <= NF; i++)
		printf "#ifndef %s\n#error %s\n#endif\n", $i, $i
	next
}
$1 == "f" {
	for (i = 2; i <= NF; i++)
		printf "\t(void)&%s;\n", $i
	next
}
$1 == "v" {
	for (i = 2; i <= NF; i++)
		printf "\t(void)&%s;\n", $i
	next
}
$1 == "c" {
	for (i = 2; i <= NF; i++)
		printf "\tenum { constant_%s = (int)(%s) };\n", $i, $i
	next
}
$1 == "t" {
	if ($2 == "struct" || $2 == "union") {
		printf "\t(void)sizeof(%s %s);\n", $2, $3
		next
	}
	for (i = 2; i <= NF; i++)
		printf "\t(void)sizeof(%s);\n", $i
	next
}
$1 == "s" {
	type = $2 " " $3
	sub(/:$/, "", type)
	for (i = 4; i <= NF; i++) {
		if (i == 4)
			printf "\t_Static_assert(offsetof(%s, %s) + 1, \"\");\n", type, $i
		else
			printf "\t_Static_assert(offsetof(%s, %s) < offsetof(%s, %s), \"\");\n", \
				type, $(i - 1), type, $i
	}
	next
}
{
	printf "#error unknown line: %s\n", $0
}
END {
	if (n < 50)
		print "#error the list is not whole"
	print "\treturn 0;\n}"
}
