#define MS_CLASS "PluginHost::PacketRing"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/PacketRing.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include <mph/shm/AtomicAt.hpp>

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	static constexpr uint64_t Alignment{ static_cast<uint64_t>(Layout::Limit::RecordAlignment) };
	// Of those before a poisoned record, for whoever wants to know why.
	static constexpr size_t ContextRecords{ 64 };
	static constexpr size_t MaxContextBytes{ 512 * 1024 };

	static std::atomic<uint64_t>* cursorAt(const mph::shm::Segment& segment, Layout::PacketSegmentOffset offset)
	{
		return mph::shm::AtomicAt<uint64_t>(segment.Data(), offset);
	}

	static uint64_t alignedLength(const Layout::RecordHeader& header)
	{
		return (header.length() + Alignment - 1) & ~(Alignment - 1);
	}

	/* Instance methods. */

	PacketRing::PacketRing(uint32_t size)
	  : size(size),
	    segment(mph::shm::Segment::CreateOwned(Layout::SegmentKind::Packet, size, Logger::Pid)),
	    producer(
	      this->segment.Data() + static_cast<size_t>(Layout::PacketSegmentOffset::Ring),
	      size,
	      cursorAt(this->segment, Layout::PacketSegmentOffset::ProducerCursor)),
	    walk(size)
	{
		MS_TRACE();
	}

	std::atomic<uint64_t>* PacketRing::GetVerdictCursor() const
	{
		return cursorAt(this->segment, Layout::PacketSegmentOffset::VerdictConsumerCursor);
	}

	bool PacketRing::Accept(uint64_t cursor)
	{
#ifdef MPH_SABOTAGE_TRUST_CURSOR
		if (cursor > this->producer.Position())
#else
		if (!this->walk.Accept(cursor))
#endif
		{
			return false;
		}

		this->producer.SetConsumed(cursor);

		return true;
	}

	void PacketRing::MarkRedelivered()
	{
		MS_TRACE();

#ifdef MPH_SABOTAGE_SKIP_REDELIVERED
		return;
#endif

		const auto end = this->producer.Position();

		// The worker reads here what it alone can write.
		for (auto position = this->walk.Position(); position < end;)
		{
			auto* header = GetHeader(position);

			if (header->type() != Layout::RecordType::Padding)
			{
				*header = Layout::RecordHeader(
				  header->length(),
				  header->type(),
				  header->flags() | static_cast<uint8_t>(Layout::RecordFlag::Redelivered),
				  header->payloadOffset());
			}

			position += alignedLength(*header);
		}
	}

	void PacketRing::SkipResults()
	{
		MS_TRACE();

		const auto end = this->producer.Position();

		for (auto position = this->walk.Position(); position < end;)
		{
			auto* header = GetHeader(position);

			if (header->type() == Layout::RecordType::Result)
			{
				*header = Layout::RecordHeader(
				  header->length(), Layout::RecordType::Skipped, header->flags(), header->payloadOffset());
			}

			position += alignedLength(*header);
		}
	}

	uint64_t PacketRing::SkipPadding(uint64_t position) const
	{
		MS_TRACE();

		const auto* header = GetHeader(position);

		return header->type() == Layout::RecordType::Padding ? position + alignedLength(*header) : position;
	}

	Layout::RecordHeader* PacketRing::GetHeader(uint64_t position) const
	{
		return reinterpret_cast<Layout::RecordHeader*>(
		  this->segment.Data() + static_cast<size_t>(Layout::PacketSegmentOffset::Ring) +
		  (position & (static_cast<uint64_t>(this->size) - 1)));
	}

	std::vector<uint8_t> PacketRing::CopyRecords(uint64_t last) const
	{
		MS_TRACE();

		std::vector<uint64_t> positions{ last };
		size_t bytes{ 0 };

		while (positions.size() <= ContextRecords && bytes < MaxContextBytes)
		{
			const auto previous = this->walk.Previous(positions.back());

			if (!previous)
			{
				break;
			}

			bytes += positions.back() - *previous;
			positions.push_back(*previous);
		}

		std::vector<uint8_t> records;

		for (auto it = positions.rbegin(); it != positions.rend(); ++it)
		{
			const auto* header = GetHeader(*it);
			const auto* record = reinterpret_cast<const uint8_t*>(header);

			if (header->type() != Layout::RecordType::Padding)
			{
				records.insert(records.end(), record, record + alignedLength(*header));
			}
		}

		return records;
	}
} // namespace PluginHost
