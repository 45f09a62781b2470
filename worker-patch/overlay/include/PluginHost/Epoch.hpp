#ifndef MS_PLUGIN_HOST_EPOCH_HPP
#define MS_PLUGIN_HOST_EPOCH_HPP

#include "common.hpp"
#include "mph/fbs/layout.h"
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/Segment.hpp>

namespace PluginHost
{
	class HostLink;

	/**
	 * One host at one place: its verdict segment, which it alone writes and nobody trusts, and how far the two have come.
	 *
	 * OFFERED → WARM → SERVING → STOPPING → WARM → …
	 */
	class Epoch
	{
	public:
		enum class Phase : uint8_t
		{
			OFFERED,
			// Everything is mapped.
			WARM,
			SERVING,
			// It was told to stop and has not said that it did.
			STOPPING
		};

		// Three words by which a host shows that it lives. Compared, never believed.
		struct Progress
		{
			uint64_t packetCursor{ 0 };
			uint64_t verdictCursor{ 0 };
			uint64_t nowServing{ 0 };

			bool operator==(const Progress& other) const = default;
		};

	public:
		Epoch(HostLink* link, uint32_t ring, mph::shm::Segment segment, uint32_t ringSize)
		  : link(link),
		    ring(ring),
		    segment(std::move(segment)),
		    verdicts(
		      this->segment.Data() + static_cast<size_t>(Mph::Layout::VerdictSegmentOffset::Ring),
		      ringSize,
		      WordAt(Mph::Layout::VerdictSegmentOffset::ProducerCursor))
		{
		}

	public:
		uint64_t ReadPacketCursor() const
		{
			return WordAt(Mph::Layout::VerdictSegmentOffset::PacketConsumerCursor)
			  ->load(std::memory_order_acquire);
		}

		Progress ReadProgress() const
		{
			return { .packetCursor  = ReadPacketCursor(),
				       .verdictCursor = WordAt(Mph::Layout::VerdictSegmentOffset::ProducerCursor)
				                          ->load(std::memory_order_relaxed),
				       .nowServing = ReadNowServing() };
		}

		uint64_t ReadNowServing() const
		{
			return WordAt(Mph::Layout::VerdictSegmentOffset::NowServing)->load(std::memory_order_acquire);
		}

	public:
		// Passed by argument.
		HostLink* link{ nullptr };
		// Its number on the link.
		uint32_t ring{ 0 };
		mph::shm::Segment segment;
		mph::shm::RingConsumer verdicts;
		// Others.
		Phase phase{ Phase::OFFERED };
		// As which of all at this place it served last; 0: never.
		uint64_t servedAs{ 0 };
		Progress lastProgress;
		// Its packet cursor as it was started: until that changes it says nothing. Of a host that has served before it is an old one.
		uint64_t cursorAtStart{ 0 };

	private:
		// Mapped read-only here.
		const std::atomic<uint64_t>* WordAt(Mph::Layout::VerdictSegmentOffset offset) const
		{
			return mph::shm::AtomicAt<uint64_t>(std::as_const(this->segment).Data(), offset);
		}
	};
} // namespace PluginHost

#endif
