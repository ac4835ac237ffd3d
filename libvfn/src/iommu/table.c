/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "iommu/table.h"

void iommu_table_init(struct iommu_table *table, bool by_iova)
{
	memset(table, 0, sizeof(*table));
	table->by_iova = by_iova;
	skiplist_init(&table->list);
}

void iommu_table_clear(struct iommu_table *table)
{
	if (table->lookup)
		table->lookup->destroy(table->own);
	iommu_table_init(table, table->by_iova);
}

int iommu_table_levels(struct iommu_table *table)
{
	return table->lookup ? 0 : skiplist_levels(&table->list);
}

int iommu_table_insert(struct iommu_table *table, struct iommu_mapping *m,
		       struct skiplist_node *node, int levels)
{
	uint64_t start = iommu_table_start(table, m), last = start + (m->len - 1);

	if (!table->lookup) {
		*node = (struct skiplist_node){
			.start = start, .last = last, .value = m, .levels = levels};
		skiplist_insert_node(&table->list, node);
	} else if (table->lookup->insert(table->own, start, last, m)) {
		return -1;
	}
	table->count++;
	return 0;
}

void iommu_table_remove(struct iommu_table *table, const struct iommu_mapping *m)
{
	uint64_t start = iommu_table_start(table, m);

	if (table->lookup)
		table->lookup->remove(table->own, start);
	else
		skiplist_remove_node(&table->list, start);
	table->count--;
}

static struct iommu_mapping *value(const struct skiplist_node *node)
{
	return node ? node->value : NULL;
}

struct iommu_mapping *iommu_table_find(struct iommu_table *table, uint64_t number)
{
	if (table->lookup)
		return table->lookup->find(table->own, number);
	return value(skiplist_find(&table->list, number));
}

struct iommu_mapping *iommu_table_overlap(struct iommu_table *table, uint64_t start, uint64_t last)
{
	struct iommu_mapping *m;

	if (!table->lookup)
		return value(skiplist_overlap(&table->list, start, last));
	m = table->lookup->find(table->own, start);
	if (m)
		return m;
	m = table->lookup->next(table->own, start);
	return m && iommu_table_start(table, m) <= last ? m : NULL;
}

struct iommu_mapping *iommu_table_first(struct iommu_table *table)
{
	if (table->lookup)
		return table->lookup->next(table->own, 0);
	return value(skiplist_first(&table->list));
}

struct iommu_mapping *iommu_table_after(struct iommu_table *table, const struct iommu_mapping *m)
{
	uint64_t last = iommu_table_start(table, m) + (m->len - 1);

	if (last == UINT64_MAX)
		return NULL;
	if (table->lookup)
		return table->lookup->next(table->own, last + 1);
	return value(skiplist_from(&table->list, last + 1));
}
