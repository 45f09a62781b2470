// Gives Abseil's flat hash tables the names and the one habit of ankerl::unordered_dense that the worker relies on. Debian does not
// package unordered_dense; Abseil's tables are of the same kind (open addressing, values move on rehash), so nothing that is
// allowed with the one is forbidden with the other.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>
#include <functional>
#include <iterator>

namespace ankerl::unordered_dense
{
	template<typename T>
	using hash = absl::Hash<T>;

	namespace detail
	{
		// Abseil's erase(iterator) returns nothing, since finding the next element costs something; upstream's loops are written as
		// `it = table.erase(it)`. The next iterator is taken before the erasure, which in Abseil leaves all others valid.
		template<typename Table>
		class EraseReturnsNext : public Table
		{
		public:
			using Table::Table;
			using Table::erase;

			typename Table::iterator erase(typename Table::iterator it)
			{
				auto next = std::next(it);

				Table::erase(it);

				return next;
			}
		};
	} // namespace detail

	template<typename Key, typename Value, typename Hash = hash<Key>, typename KeyEqual = std::equal_to<Key>>
	using map = detail::EraseReturnsNext<absl::flat_hash_map<Key, Value, Hash, KeyEqual>>;

	template<typename Key, typename Hash = hash<Key>, typename KeyEqual = std::equal_to<Key>>
	using set = detail::EraseReturnsNext<absl::flat_hash_set<Key, Hash, KeyEqual>>;
} // namespace ankerl::unordered_dense
