#ifndef MS_PLUGIN_HOST_UNREAD_BYTES_HPP
#define MS_PLUGIN_HOST_UNREAD_BYTES_HPP

#include "common.hpp"
#include <algorithm>
#include <cstring> // std::memcpy()

namespace PluginHost
{
	/**
	 * What stands behind a record's fixed part, still in the ring: the host may change it at any time.
	 */
	class UnreadBytes
	{
	public:
		UnreadBytes() = default;
		UnreadBytes(const uint8_t* data, size_t length) : data(data), length(length)
		{
		}

	public:
		size_t GetLength() const
		{
			return this->length;
		}
		/**
		 * As much of it as there is.
		 */
		UnreadBytes GetPart(size_t offset, size_t partLength) const
		{
			offset = std::min(offset, this->length);

			return { this->data + offset, std::min(partLength, this->length - offset) };
		}
		/**
		 * Once; then only the copy is looked at. Before the verdict is applied: what it releases may read on in this ring.
		 */
		void CopyTo(void* copy) const
		{
			if (this->length != 0)
			{
				std::memcpy(copy, this->data, this->length);
			}
		}

	private:
		// Passed by argument.
		const uint8_t* data{ nullptr };
		size_t length{ 0 };
	};
} // namespace PluginHost

#endif
