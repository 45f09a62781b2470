#ifndef MS_PLUGIN_HOST_PACKET_RING_HPP
#define MS_PLUGIN_HOST_PACKET_RING_HPP

#include "common.hpp"
#include "mph/fbs/layout.h"
#include <mph/shm/RecordWalk.hpp>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>
#include <vector>

namespace PluginHost
{
	/**
	 * The packet segment of a place: its ring, which the worker alone writes, and what the worker remembers of the records in it. Of hosts
	 * it knows nothing. [worker-loop]
	 */
	class PacketRing
	{
	public:
		// Throws if the segment cannot be made.
		explicit PacketRing(uint32_t size);

	public:
		uint32_t GetSize() const
		{
			return this->size;
		}
		uint32_t GetUsed() const
		{
			return static_cast<uint32_t>(this->producer.Used());
		}
		int GetFd() const
		{
			return this->segment.Fd();
		}
		/**
		 * Where the next record begins.
		 */
		uint64_t GetPosition() const
		{
			return this->producer.Position();
		}
		/**
		 * How far hosts have read.
		 */
		uint64_t GetConsumed() const
		{
			return this->walk.Position();
		}
		/**
		 * The word in the segment that says how far the worker has read the verdict ring of the host that serves.
		 */
		std::atomic<uint64_t>* GetVerdictCursor() const;
		mph::shm::RingProducer::TryClaimResult TryClaim(uint32_t recordLength, uint8_t*& record)
		{
			return this->producer.TryClaim(recordLength, record);
		}
		/**
		 * Lets the host see what was claimed.
		 */
		void Publish()
		{
			this->producer.Commit();
			this->producer.Publish();
		}
		/**
		 * Remembers where the record ends that was published. Of its own, so that the host is told first.
		 */
		void NoteEnd()
		{
			this->walk.Push(this->producer.Position());
		}
		/**
		 * Takes over a host's cursor if it lies on a boundary of a record that the worker published.
		 */
		bool Accept(uint64_t cursor);
		/**
		 * Whether an unread record begins there.
		 */
		bool IsOutstanding(uint64_t position) const
		{
			return position < this->producer.Position() && this->walk.IsOutstanding(position);
		}
		/**
		 * Marks all that is unread: a host that went may have seen it.
		 */
		void MarkRedelivered();
		/**
		 * Hosts read over the unread ones from now on.
		 */
		void SkipResults();
		/**
		 * The lap may end here; then the record stands at the beginning of the next one.
		 */
		uint64_t SkipPadding(uint64_t position) const;
		Mph::Layout::RecordHeader* GetHeader(uint64_t position) const;
		/**
		 * The record and some before it, as they stand in the ring.
		 */
		std::vector<uint8_t> CopyRecords(uint64_t last) const;

	private:
		// Passed by argument.
		uint32_t size{ 0 };
		// Allocated by this.
		mph::shm::Segment segment;
		mph::shm::RingProducer producer;
		mph::shm::RecordWalk walk;
	};
} // namespace PluginHost

#endif
