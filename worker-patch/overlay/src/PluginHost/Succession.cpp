#define MS_CLASS "PluginHost::Succession"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Succession.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/RouterTap.hpp"
#include "PluginHost/Settlement.hpp"
#include <uv.h> // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	// Of the state that a host starts with, so that its frame stays within Mph.Control.Limit.MaxFrameBytes.
	static constexpr size_t MaxParameters{ 1024 * 1024 };
	// For the verdicts of a host that is gone or has stopped: several ten thousand of them.
	static constexpr uint64_t MaxLastDrainNs{ 10000000 };

	/* Instance methods. */

	Succession::Succession(PluginPlace* place, uint32_t verdictRingSize)
	  : place(place), verdictRingSize(verdictRingSize)
	{
		MS_TRACE();
	}

	bool Succession::IsWarm(const HostLink* link) const
	{
		MS_TRACE();

		const auto* epoch = Find(link);

		return epoch && epoch->phase != Epoch::Phase::OFFERED;
	}

	Epoch* Succession::Find(const HostLink* link) const
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->epochs,
		  [link](const std::unique_ptr<Epoch>& epoch)
		  {
			  return epoch->link == link;
		  });

		return it != this->epochs.end() ? it->get() : nullptr;
	}

	void Succession::Offer(HostLink* link, uint32_t ring)
	{
		MS_TRACE();

		auto segment = mph::shm::Segment::CreateForPeer(
		  Layout::SegmentKind::Verdict, this->verdictRingSize, Logger::Pid);
		const int verdictFd = segment.Fd();

		flatbuffers::FlatBufferBuilder builder;

		const auto offer = Mph::Control::CreateRingOfferDirect(
		  builder,
		  ring,
		  this->place->GetPlugin()->GetId().c_str(),
		  this->place->GetRouterTap()->GetRouterId().c_str(),
		  this->epochNumber,
		  this->place->GetPackets().GetSize(),
		  this->verdictRingSize);

		link->Send(
		  builder,
		  Mph::Control::Body::RingOffer,
		  offer.Union(),
		  { this->place->GetPackets().GetFd(), verdictFd });

		// The mapping stays. The packet segment's descriptor is kept for later hosts.
		segment.CloseFd();

		this->epochs.push_back(
		  std::make_unique<Epoch>(link, ring, std::move(segment), this->verdictRingSize));
	}

	void Succession::OnReady(HostLink* link)
	{
		MS_TRACE();

		auto* epoch = Find(link);

		if (epoch && epoch->phase == Epoch::Phase::OFFERED)
		{
			epoch->phase = Epoch::Phase::WARM;
		}
	}

	void Succession::Start(HostLink* link)
	{
		MS_TRACE();

		auto* epoch = Find(link);

		if (!epoch || epoch->phase != Epoch::Phase::WARM || this->serving)
		{
			return;
		}

		const bool wasServed = this->state == State::SERVED;

		epoch->phase         = Epoch::Phase::SERVING;
		epoch->lastProgress  = epoch->ReadProgress();
		epoch->cursorAtStart = epoch->lastProgress.packetCursor;
		this->serving        = epoch;
		this->state          = State::SERVED;

		const bool isAnother = epoch->servedAs == 0 || epoch->servedAs != this->epochNumber;

		epoch->servedAs = ++this->epochNumber;

		// Of a host that serves again its verdict ring goes on.
		epoch->verdicts.Release(this->place->GetPackets().GetVerdictCursor());

		RepublishPending();
		this->place->OnNextHost(isAnother);

		flatbuffers::FlatBufferBuilder builder;

		const auto states =
		  this->place->FillBufferState(builder, std::min(MaxParameters, link->GetConnection()->GetOutputRoom() / 2));
		const auto start  = Mph::Control::CreateRingStartDirect(
      builder,
      epoch->ring,
      this->place->GetPackets().GetConsumed(),
      this->place->GetTickets().GetOldestLive(),
      this->suspectUntil,
      std::addressof(states));

		link->Send(builder, Mph::Control::Body::RingStart, start.Union());

		if (wasServed)
		{
			return;
		}

		for (auto* attachment : this->place->GetAttachments())
		{
			attachment->active = true;

			Control::NotifyAttachmentState(*attachment, Mph::Control::AttachmentState::Active);
		}
	}

	void Succession::Stop()
	{
		MS_TRACE();

		if (!this->serving || this->serving->phase != Epoch::Phase::SERVING)
		{
			return;
		}

		this->serving->phase = Epoch::Phase::STOPPING;

		flatbuffers::FlatBufferBuilder builder;

		const auto stop = Mph::Control::CreateRingStop(builder, this->serving->ring);

		this->serving->link->Send(builder, Mph::Control::Body::RingStop, stop.Union());
	}

	void Succession::OnStopped(HostLink* link)
	{
		MS_TRACE();

		if (!IsServedBy(link) || !IsStopping())
		{
			return;
		}

		DrainAll(link);
		this->place->RefreshConsumed();

		this->serving->phase = Epoch::Phase::WARM;
		this->serving        = nullptr;
	}

	void Succession::OnLinkGone(HostLink* link, bool hung)
	{
		MS_TRACE();

		const auto* gone = Find(link);

		if (!gone)
		{
			return;
		}

		if (gone == this->serving)
		{
			// Whatever goes wrong here, the link is about to go, and nobody may find it in here.
			try
			{
				TakeLast(*this->serving, link, hung);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}

			this->serving = nullptr;
		}

		std::erase_if(
		  this->epochs,
		  [gone](const std::unique_ptr<Epoch>& epoch)
		  {
			  return epoch.get() == gone;
		  });
	}

	/**
	 * What it had published counts: verdicts first, since the cursor that it published after them says that it answered.
	 */
	void Succession::TakeLast(const Epoch& epoch, const HostLink* link, bool hung)
	{
		MS_TRACE();

#ifndef MPH_SABOTAGE_SKIP_LAST_VERDICTS
		DrainAll(link);
#endif
		this->place->RefreshConsumed();
		NoteSuspects(epoch, hung);
		this->place->GetPackets().MarkRedelivered();
	}

	void Succession::OnAbsent()
	{
		MS_TRACE();

		if (this->state != State::SERVED)
		{
			return;
		}

		this->state = State::ABSENT;

		for (auto* attachment : this->place->GetAttachments())
		{
			if (attachment->active)
			{
				Control::NotifyAttachmentState(*attachment, Mph::Control::AttachmentState::Absent);
			}
		}

		Settlement::SettleAll(this->place, Outcome::Cause::ABSENT);
	}

	void Succession::OnMissedDeadline()
	{
		if (this->serving)
		{
			this->serving->link->OnMissedDeadline();
		}
	}

	void Succession::Withdraw()
	{
		MS_TRACE();

		for (auto& epoch : this->epochs)
		{
			epoch->link->WithdrawRing(this->place);
		}

		this->state   = State::EMPTY;
		this->serving = nullptr;
		this->epochs.clear();
	}

	bool Succession::HasWork(const HostLink* link) const
	{
		MS_TRACE();

		if (!this->serving)
		{
			const auto* offered = Find(link);

			return offered && offered->phase == Epoch::Phase::OFFERED;
		}

		return this->serving->ReadPacketCursor() != this->place->GetPosition() ||
		       this->serving->ReadNowServing() != 0;
	}

	bool Succession::HasMoved()
	{
		MS_TRACE();

		if (!this->serving)
		{
			return false;
		}

		const auto progress = this->serving->ReadProgress();

		return std::exchange(this->serving->lastProgress, progress) != progress;
	}

	/**
	 * Bounded: a host that hung up may still be writing, and a ring may be as large as the app likes. What is left unread is not answered, so
	 * that it is published again or follows onAbsent.
	 */
	void Succession::DrainAll(const HostLink* link)
	{
		MS_TRACE();

		static constexpr size_t RecordsPerClock{ 256 };

		const auto untilNs = uv_hrtime() + MaxLastDrainNs;
		size_t drained{ 0 };

		do
		{
			drained = this->place->DrainVerdicts(link, RecordsPerClock);
		} while (drained == RecordsPerClock && !link->IsCondemned() && uv_hrtime() < untilNs);
	}

	/**
	 * Packets that the host before gave back without an answer: it meant to answer later. Whoever follows cannot read them any more.
	 */
	void Succession::RepublishPending()
	{
		MS_TRACE();

#ifdef MPH_SABOTAGE_SKIP_REPUBLISH
		return;
#endif

		const auto read = this->place->GetPackets().GetConsumed();

		for (const auto ticket : this->place->GetTickets().GetOutstanding())
		{
			auto* held = this->place->GetTickets().Find(ticket);

			if (held && held->recordEnd <= read)
			{
				held->chain->Republish(held);
			}
		}
	}

	/**
	 * Of the word NowServing nothing is believed but that it may name a record that is outstanding.
	 */
	void Succession::NoteSuspects(const Epoch& epoch, bool hung)
	{
		MS_TRACE();

		static constexpr uint64_t Crashed{ uint64_t{ 1 } << static_cast<uint8_t>(
			                                   Layout::NowServingBit::Crashed) };

		const auto nowServing = epoch.ReadNowServing();
		const auto position   = (nowServing & ~Crashed) - 1;

		if (
		  (nowServing & ~Crashed) == 0 || ((nowServing & Crashed) == 0 && !hung) ||
		  !this->place->GetPackets().IsOutstanding(position))
		{
			return;
		}

		if (position >= this->suspectFrom && position < this->suspectUntil)
		{
			Skip(position, epoch);
			this->suspectFrom = position;

			return;
		}

		this->suspectFrom  = position;
		this->suspectUntil = this->place->GetPosition();
	}

	/**
	 * Two hosts died of it: hosts read over it from now on.
	 */
	void Succession::Skip(uint64_t position, const Epoch& epoch)
	{
		MS_TRACE();

		auto& packets = this->place->GetPackets();

		position = packets.SkipPadding(position);

		auto* header = packets.GetHeader(position);

		// What an event says must reach the plugin; one that dies of events ends in quarantine.
		if (header->type() != Layout::RecordType::Packet && header->type() != Layout::RecordType::Data)
		{
			return;
		}

		const auto ticket = header->type() == Layout::RecordType::Packet
		                      ? reinterpret_cast<const Layout::PacketRecord*>(header)->ticket()
		                      : reinterpret_cast<const Layout::DataRecord*>(header)->ticket();

		Control::NotifyPoison(
		  this->place->GetPlugin()->GetId(),
		  this->place->GetRouterTap()->GetRouterId(),
		  epoch.link->GetPid(),
		  packets.CopyRecords(position));

		*header = Layout::RecordHeader(
		  header->length(), Layout::RecordType::Skipped, header->flags(), header->payloadOffset());

		this->place->GetPlugin()->CountPoisoned();

		if (auto* held = this->place->GetTickets().Find(ticket))
		{
			Settlement::SettleOne(held, Outcome::Cause::ABSENT);
		}
	}
} // namespace PluginHost
