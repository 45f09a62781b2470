#define MS_CLASS "PluginHost::VerdictReader"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/VerdictReader.hpp"
#include "Logger.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include <mph/shm/Pause.hpp>
#include <uv.h> // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	/**
	 * The peer may change the bytes while they are looked at: one copy of the fixed part, then only the copy. What stands behind it is left
	 * where it is.
	 *
	 * @return False if the record is too short.
	 */
	template<typename T>
	static bool takeRecord(
	  const mph::shm::RingConsumer::RecordView& view, T& record, UnreadBytes& bytes)
	{
		if (!mph::shm::CopyRecord(view, record))
		{
			return false;
		}

		bytes = UnreadBytes(view.data + sizeof(T), view.header.length() - sizeof(T));

		return true;
	}

	/* Instance methods. */

	VerdictReader::VerdictReader(
	  Plugin* plugin, const TicketTable* tickets, std::atomic<uint64_t>* consumerCursor)
	  : plugin(plugin), tickets(tickets), consumerCursor(consumerCursor)
	{
		MS_TRACE();
	}

	std::optional<bool> VerdictReader::Await(Epoch& epoch, uint64_t ticket)
	{
		// About what it costs to hold a packet and to release it later.
		static constexpr uint64_t MaxWaitNs{ 2000 };
		static constexpr size_t LooksPerClock{ 8 };

		// With others outstanding the next verdict may be one of theirs.
		if (this->tickets->GetSize() != 1 || !epoch.link->IsPrompt())
		{
			return std::nullopt;
		}

		auto& verdicts     = epoch.verdicts;
		const auto untilNs = uv_hrtime() + MaxWaitNs;
		mph::shm::RingConsumer::RecordView view{};
		std::optional<bool> accept;

		do
		{
			auto result = verdicts.Peek(view);

			for (size_t look{ 1 }; result == mph::shm::RingConsumer::PeekResult::Empty && look < LooksPerClock;
			     ++look)
			{
				mph::shm::Pause();
				result = verdicts.Peek(view);
			}

			if (result == mph::shm::RingConsumer::PeekResult::Empty)
			{
				continue;
			}

			// Whatever is not the verdict waits for Drain(), which knows what to make of it.
			Layout::VerdictRecord record;

			if (
			  result == mph::shm::RingConsumer::PeekResult::Ok &&
			  view.header.type() == Layout::RecordType::Verdict && view.header.length() == sizeof(record) &&
			  mph::shm::CopyRecord(view, record) && record.ticket() == ticket &&
			  (record.verdict() == Layout::Verdict::Accept || record.verdict() == Layout::Verdict::Drop))
			{
				accept = record.verdict() == Layout::Verdict::Accept;

				verdicts.Consume(view);
				verdicts.Release(this->consumerCursor);
				this->plugin->CountPromptVerdict();
				epoch.link->OnVerdict();
			}

			break;
		} while (uv_hrtime() < untilNs);

		epoch.link->OnPromptWait(accept.has_value());

		return accept;
	}

	size_t VerdictReader::Drain(Epoch& epoch, size_t max)
	{
		MS_TRACE();

		auto& verdicts = epoch.verdicts;
		size_t count{ 0 };
		mph::shm::RingConsumer::RecordView view{};

		while (count < max)
		{
			const auto result = verdicts.Peek(view);

			if (result == mph::shm::RingConsumer::PeekResult::Empty)
			{
				break;
			}

			if (result == mph::shm::RingConsumer::PeekResult::Corrupt)
			{
				// Sticky: nothing in this ring can be believed any more.
				this->plugin->AddStrike(PluginStrike::CORRUPT_RING, epoch.link);

				break;
			}

			++count;

			// First, for what is released by a verdict may await the next one. The view stays readable.
			verdicts.Consume(view);

			bool isSound{ false };

			switch (view.header.type())
			{
				case Layout::RecordType::Verdict:
				{
					isSound = OnVerdict(view);

					break;
				}

				default:
				{
					break;
				}
			}

			if (!isSound)
			{
				this->plugin->AddStrike(PluginStrike::BAD_RECORD, epoch.link);
			}
		}

		if (count > 0)
		{
			epoch.link->OnVerdict();

			// No bell for the room that this makes: a host whose verdict ring was full looks by itself.
			verdicts.Release(this->consumerCursor);
		}

		return count;
	}

	bool VerdictReader::OnVerdict(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::VerdictRecord record;
		UnreadBytes bytes;

		// None of the verdicts carries bytes so far.
		if (!takeRecord(view, record, bytes) || bytes.GetLength() != 0)
		{
			return false;
		}

		auto* held = this->tickets->Find(record.ticket());

		if (!held)
		{
			this->plugin->CountSpuriousVerdict();

			return true;
		}

		switch (record.verdict())
		{
			case Layout::Verdict::Accept:
			{
				this->plugin->CountVerdict();
				held->chain->Settle(held, Chain::Cause::VERDICT, true);

				return true;
			}

			case Layout::Verdict::Drop:
			{
				this->plugin->CountVerdict();
				held->chain->Settle(held, Chain::Cause::VERDICT, false);

				return true;
			}

			default:
			{
				return false;
			}
		}
	}
} // namespace PluginHost
