#ifndef MS_PLUGIN_HOST_VERDICT_READER_HPP
#define MS_PLUGIN_HOST_VERDICT_READER_HPP

#include "common.hpp"
#include "PluginHost/Epoch.hpp"
#include "PluginHost/TicketTable.hpp"
#include <mph/shm/RingConsumer.hpp>
#include <cstring> // std::memcpy()
#include <optional>

namespace PluginHost
{
	class Plugin;

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
		 * Once; then only the copy is looked at. Before the verdict is applied: what it releases may read on in this ring.
		 */
		void CopyTo(uint8_t* copy) const
		{
			std::memcpy(copy, this->data, this->length);
		}

	private:
		// Passed by argument.
		const uint8_t* data{ nullptr };
		size_t length{ 0 };
	};

	/**
	 * Reads what a host wrote into its verdict ring, and believes none of it. What a verdict does is the business of Chain.
	 * [worker-loop]
	 */
	class VerdictReader
	{
	public:
		/**
		 * @param consumerCursor - Where the host looks how far its ring was read.
		 */
		VerdictReader(Plugin* plugin, const TicketTable* tickets, std::atomic<uint64_t>* consumerCursor);

	public:
		/**
		 * Waits a moment for the verdict on the packet that was published last, if it is the only one outstanding and the host is
		 * likely to give it at once. Then nothing needs to be held.
		 *
		 * @return Whether the packet is accepted; nothing if the verdict is still to come.
		 */
		std::optional<bool> Await(Epoch& epoch, uint64_t ticket);
		/**
		 * Applies at most `max` records.
		 *
		 * @return How many were read; `max` means that more may be there.
		 */
		size_t Drain(Epoch& epoch, size_t max);

		/* One for each type of record. They return false if it makes no sense. */
	private:
		bool OnVerdict(const mph::shm::RingConsumer::RecordView& view);

	private:
		// Passed by argument.
		Plugin* plugin{ nullptr };
		const TicketTable* tickets{ nullptr };
		std::atomic<uint64_t>* consumerCursor{ nullptr };
	};
} // namespace PluginHost

#endif
