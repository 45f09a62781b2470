#define MS_CLASS "PluginHost::VerdictReader"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/VerdictReader.hpp"
#include "Logger.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/HostRequests.hpp"
#include "PluginHost/Injector.hpp"
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

	/**
	 * One that says all by itself.
	 */
	static bool isPlain(const Layout::VerdictRecord& record, uint16_t deciders)
	{
		if (record.errors() != 0)
		{
			return false;
		}

		switch (record.verdict())
		{
			case Layout::Verdict::Accept:
			{
				return true;
			}

			case Layout::Verdict::Drop:
			case Layout::Verdict::Take:
			{
				return record.decider() < static_cast<uint8_t>(Layout::Limit::MaxRunMembers) &&
				       (deciders & (1u << record.decider())) != 0;
			}

			default:
			{
				return false;
			}
		}
	}

	/* Instance methods. */

	VerdictReader::VerdictReader(
	  Plugin* plugin,
	  const TicketTable* tickets,
	  std::atomic<uint64_t>* consumerCursor,
	  Injector* injector,
	  HostRequests* requests)
	  : plugin(plugin),
	    tickets(tickets),
	    consumerCursor(consumerCursor),
	    injector(injector),
	    requests(requests)
	{
		MS_TRACE();
	}

	std::optional<Outcome> VerdictReader::Await(
	  Epoch& epoch, uint64_t ticket, uint16_t deciders, uint64_t recordStart)
	{
		// About what it costs to hold a packet and to release it later.
		static constexpr uint64_t MaxWaitNs{ 2000 };
		static constexpr size_t LooksPerClock{ 8 };

		// With others unread the next verdict is one of theirs. Those that it has read are pending: theirs come whenever they come.
		if (
		  !epoch.link->IsPrompt() ||
		  (this->tickets->GetSize() != 1 && epoch.ReadPacketCursor() != recordStart))
		{
			return std::nullopt;
		}

		auto& verdicts     = epoch.verdicts;
		const auto untilNs = uv_hrtime() + MaxWaitNs;
		mph::shm::RingConsumer::RecordView view{};
		std::optional<Outcome> outcome;

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
			  mph::shm::CopyRecord(view, record) && record.ticket() == ticket && isPlain(record, deciders))
			{
				outcome = Outcome{ .cause   = Outcome::Cause::VERDICT,
					                 .verdict = record.verdict(),
					                 .decider = record.decider() };

				verdicts.Consume(view);
				verdicts.Release(this->consumerCursor);
				this->plugin->CountPromptVerdict();
				epoch.link->OnVerdict();
			}

			break;
		} while (uv_hrtime() < untilNs);

		epoch.link->OnPromptWait(outcome.has_value());

		return outcome;
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

			bool isSound{ true };

			// An exception costs this record only, whoever drains.
			try
			{
				isSound = Apply(view);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}

			if (!isSound)
			{
				this->plugin->AddStrike(PluginStrike::BAD_RECORD, epoch.link);

				// It is cut off: the rest of a ring full of them would be nothing but lines in the log.
				if (epoch.link->IsCondemned())
				{
					break;
				}
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

	/**
	 * @return False if the record makes no sense.
	 */
	bool VerdictReader::Apply(const mph::shm::RingConsumer::RecordView& view)
	{
		switch (view.header.type())
		{
			case Layout::RecordType::Verdict:
			{
				return OnVerdict(view);
			}

			case Layout::RecordType::Bypass:
			{
				return OnBypass(view);
			}

			case Layout::RecordType::InjectRtp:
			{
				return OnInjectRtp(view);
			}

			case Layout::RecordType::InjectData:
			{
				return OnInjectData(view);
			}

			case Layout::RecordType::ReceiveRtp:
			{
				return OnReceiveRtp(view);
			}

			case Layout::RecordType::KeyFrame:
			{
				return OnKeyFrame(view);
			}

			case Layout::RecordType::Subscribe:
			{
				return OnSubscribe(view);
			}

			default:
			{
				return false;
			}
		}
	}

	bool VerdictReader::OnVerdict(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::VerdictRecord record;
		UnreadBytes bytes;

		if (!takeRecord(view, record, bytes))
		{
			return false;
		}

		auto* held = this->tickets->Find(record.ticket());

		if (!held)
		{
			this->plugin->CountSpuriousVerdict();

			return true;
		}

		if (!held->chain->OnVerdict(held, record, bytes))
		{
			return false;
		}

		this->plugin->CountVerdict();

		return true;
	}

	bool VerdictReader::OnBypass(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::BypassRecord record;
		UnreadBytes bytes;

		if (!takeRecord(view, record, bytes) || bytes.GetLength() != 0)
		{
			return false;
		}

		return this->requests->OnBypass(record);
	}

	bool VerdictReader::OnInjectRtp(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::InjectRtpRecord record;
		UnreadBytes bytes;

		return takeRecord(view, record, bytes) && this->injector->OnInjectRtp(record, bytes);
	}

	bool VerdictReader::OnInjectData(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::InjectDataRecord record;
		UnreadBytes bytes;

		return takeRecord(view, record, bytes) && this->injector->OnInjectData(record, bytes);
	}

	bool VerdictReader::OnReceiveRtp(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::ReceiveRtpRecord record;
		UnreadBytes bytes;

		return takeRecord(view, record, bytes) && this->injector->OnReceiveRtp(record, bytes);
	}

	bool VerdictReader::OnKeyFrame(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::KeyFrameRecord record;
		UnreadBytes bytes;

		if (!takeRecord(view, record, bytes) || bytes.GetLength() != 0)
		{
			return false;
		}

		this->requests->OnKeyFrame(record);

		return true;
	}

	bool VerdictReader::OnSubscribe(const mph::shm::RingConsumer::RecordView& view)
	{
		Layout::SubscribeRecord record;
		UnreadBytes bytes;

		if (!takeRecord(view, record, bytes) || bytes.GetLength() != 0)
		{
			return false;
		}

		this->requests->OnSubscribe(record);

		return true;
	}
} // namespace PluginHost
