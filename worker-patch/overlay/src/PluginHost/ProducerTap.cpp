#define MS_CLASS "PluginHost::ProducerTap"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ProducerTap.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Codecs.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/RouterTap.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <uv.h> // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	using Mph::Control::Mode;
	using Mph::Control::Policy;

	static thread_local HeldPacketPool pool;

	static bool isAccept(Policy policy)
	{
		return policy == Policy::Accept;
	}

	/**
	 * The one counter that the packet increments.
	 */
	static void count(Attachment& attachment, ProducerTap::Cause cause, bool accept)
	{
		auto& counters = attachment.counters;

		switch (cause)
		{
			case ProducerTap::Cause::VERDICT:
			{
				++(accept ? counters.accepted : counters.dropped);

				break;
			}
			case ProducerTap::Cause::TIMEOUT:
			{
				++(accept ? counters.timeoutAccepted : counters.timeoutDropped);

				break;
			}
			case ProducerTap::Cause::ABSENT:
			{
				++(accept ? counters.absentAccepted : counters.absentDropped);

				break;
			}
			case ProducerTap::Cause::DETACHED:
			{
				++counters.detachedAccepted;

				break;
			}
		}
	}

	static bool policyOf(const Attachment& attachment, ProducerTap::Cause cause)
	{
		switch (cause)
		{
			case ProducerTap::Cause::TIMEOUT:
			{
				return isAccept(attachment.onTimeout);
			}
			case ProducerTap::Cause::ABSENT:
			{
				return isAccept(attachment.onAbsent);
			}
			default:
			{
				return true;
			}
		}
	}

	/* Instance methods. */

	ProducerTap::ProducerTap(RouterTap* routerTap, RTC::Producer* producer, bool pipe)
	  : routerTap(routerTap), producer(producer), info(std::make_shared<ProducerInfo>())
	{
		MS_TRACE();

		this->info->number = Control::GetRegistry().GetNextProducerNumber();
		this->info->id     = producer->id;
		this->info->kind   = producer->GetKind() == RTC::Media::Kind::AUDIO ? Mph::Layout::MediaKind::Audio
		                                                                    : Mph::Layout::MediaKind::Video;
		this->info->pipe   = pipe;
		this->info->paused = producer->IsPaused();

		for (const auto& codec : producer->GetRtpParameters().codecs)
		{
			if (!codec.mimeType.IsMediaCodec())
			{
				continue;
			}

			if (this->info->mimeType.empty())
			{
				this->info->mimeType  = codec.mimeType.ToString();
				this->info->clockRate = codec.clockRate;
			}

			const auto it = producer->rtpMapping.codecs.find(codec.payloadType);

			if (it != producer->rtpMapping.codecs.end())
			{
				this->info->codecs[it->second & 0x7f] = Codecs::GetCodec(codec.mimeType);
			}
		}

		for (const auto& encoding : producer->rtpMapping.encodings)
		{
			this->info->ssrcs.push_back(encoding.mappedSsrc);
		}
	}

	/**
	 * The producer is going: what is held of it is freed.
	 */
	ProducerTap::~ProducerTap()
	{
		MS_TRACE();

		this->producer->tap = nullptr;

		for (auto& stage : this->stages)
		{
			for (auto* held : stage->queue)
			{
				if (held->state == HeldPacket::State::WAITING)
				{
					ForgetTicket(held);
					++stage->attachment->counters.closedFreed;
				}

				pool.Free(held);
			}
		}
	}

	bool ProducerTap::OnPacket(RTC::RTP::Packet* packet)
	{
		if (this->routing)
		{
			return false;
		}

		Control::CountTapped();
		VerdictPump::Awake();

		return Pass(packet, nullptr, 0);
	}

	bool ProducerTap::IsMeantBy(const Attachment& attachment) const
	{
		MS_TRACE();

		if (!attachment.producerId.empty())
		{
			return attachment.producerId == this->info->id;
		}

		return (this->info->kind == Mph::Layout::MediaKind::Audio ? attachment.audio : attachment.video) &&
		       (attachment.pipe || !this->info->pipe);
	}

	void ProducerTap::AddStage(Attachment* attachment)
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->stages,
		  [attachment](const std::unique_ptr<Stage>& stage)
		  {
			  return attachment->ComesBefore(*stage->attachment);
		  });

		auto stage = std::make_unique<Stage>();

		stage->attachment = attachment;

		this->stages.insert(it, std::move(stage));

#ifndef MPH_NO_TAP
		this->producer->tap = this;
#endif
	}

	void ProducerTap::RemoveStage(Attachment* attachment)
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->stages,
		  [attachment](const std::unique_ptr<Stage>& stage)
		  {
			  return stage->attachment == attachment;
		  });

		if (it == this->stages.end())
		{
			return;
		}

		// By now nothing in it awaits a verdict, so nothing is in it.
		this->stages.erase(it);

		if (this->stages.empty())
		{
			this->producer->tap = nullptr;
		}
	}

	void ProducerTap::Settle(HeldPacket* held, Cause cause, bool accept)
	{
		auto& stage      = *held->stage;
		auto& attachment = *stage.attachment;

		ForgetTicket(held);
		attachment.holdHistogram.Add(uv_hrtime() - held->heldAtNs);
		count(attachment, cause, accept);

		held->state = accept ? HeldPacket::State::ACCEPTED : HeldPacket::State::DROPPED;

		ReleaseDecided(stage);
	}

	void ProducerTap::SettleAll(Attachment* attachment, Cause cause)
	{
		MS_TRACE();

		const bool accept = policyOf(*attachment, cause);

		while (auto* held = FirstWaiting(attachment))
		{
			attachment->deadlines.pop_front();

			// An exception must not leave others behind.
			try
			{
				held->producerTap->Settle(held, cause, accept);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}
	}

	void ProducerTap::SettleOne(HeldPacket* held, Cause cause)
	{
		MS_TRACE();

		held->producerTap->Settle(held, cause, policyOf(*held->stage->attachment, cause));
	}

	uint64_t ProducerTap::Expire(Attachment* attachment, uint64_t nowNs)
	{
		const bool accept = policyOf(*attachment, Cause::TIMEOUT);

		while (auto* held = FirstWaiting(attachment))
		{
			if (held->deadlineNs > nowNs)
			{
				return held->deadlineNs;
			}

			attachment->deadlines.pop_front();
			attachment->place->OnMissedDeadline();

			try
			{
				held->producerTap->Settle(held, Cause::TIMEOUT, accept);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}

		return 0;
	}

	/**
	 * Takes the packet through the chain from the given stage on. `held` is its clone if it has been held before, then `packet` is that
	 * clone's.
	 *
	 * @return True if the packet was held (again) or dropped; false if it is to be routed.
	 */
	bool ProducerTap::Pass(RTC::RTP::Packet* packet, HeldPacket* held, size_t stageIndex)
	{
		bool dropped = held && held->state == HeldPacket::State::DROPPED;

		for (; stageIndex < this->stages.size(); ++stageIndex)
		{
			auto& stage = *this->stages[stageIndex];

			if (stage.attachment->mode == Mode::Observe)
			{
				if (!dropped)
				{
					Observe(stage, packet);
				}

				continue;
			}

			if (Filter(stage, packet, held, dropped))
			{
				return true;
			}
		}

		return !Finish(packet, dropped);
	}

	void ProducerTap::Observe(Stage& stage, const RTC::RTP::Packet* packet)
	{
		auto& attachment = *stage.attachment;

		if (!attachment.IsInForce())
		{
			return;
		}

		const auto result = attachment.place->PublishPacket(
		  packet, *this->info, attachment, /*ticket*/ 0, uv_hrtime(), /*deadlineNs*/ 0);

		if (result == PluginPlace::PublishResult::OK)
		{
			++attachment.counters.observed;
		}
		else if (attachment.place->IsServed())
		{
			++attachment.counters.observeOverflow;
		}
		else
		{
			++attachment.counters.observeAbsent;
		}
	}

	/**
	 * @return The held packet if it now waits in this stage, nullptr if it goes on. `dropped` becomes true if a policy drops it.
	 */
	HeldPacket* ProducerTap::Filter(
	  Stage& stage, const RTC::RTP::Packet* packet, HeldPacket* held, bool& dropped)
	{
		auto& attachment = *stage.attachment;

		if (!dropped && attachment.IsInForce())
		{
			auto* place = attachment.place;

			if (!place->IsServed())
			{
				const bool accept = isAccept(attachment.onAbsent);

				count(attachment, Cause::ABSENT, accept);
				dropped = !accept;
			}
			else
			{
				auto& tickets         = place->GetTickets();
				const auto ticket     = stage.queue.size() < MaxQueue ? tickets.Claim() : 0;
				const auto nowNs      = uv_hrtime();
				const auto deadlineNs = nowNs + attachment.deadlineNs;

				if (
				  ticket == 0 ||
				  place->PublishPacket(packet, *this->info, attachment, ticket, nowNs, deadlineNs) !=
				    PluginPlace::PublishResult::OK)
				{
					// Ring or table is full.
					if (ticket != 0)
					{
						tickets.Release(ticket);
					}

					// Keeping order behind a full queue would hold without bound.
					const bool accept = isAccept(attachment.onOverflow) && stage.queue.size() < MaxQueue;

					++(accept ? attachment.counters.overflowAccepted : attachment.counters.overflowDropped);
					dropped = !accept;
				}
				else if (const auto accept = stage.queue.empty() ? place->AwaitVerdict(ticket) : std::nullopt)
				{
					tickets.Release(ticket);
					attachment.holdHistogram.Add(uv_hrtime() - nowNs);
					count(attachment, Cause::VERDICT, *accept);
					dropped = !*accept;
				}
				else
				{
					// Cloned only now: a clone takes the packet's payload descriptor with it, so there is no way back.
					if (!held)
					{
						held = pool.Hold(packet);
					}

					tickets.Bind(ticket, held);

					held->ticket     = ticket;
					held->heldAtNs   = nowNs;
					held->deadlineNs = deadlineNs;
					held->recordEnd  = place->GetPosition();
					++attachment.held;

					// Settled tickets are taken off here, so that the queue does not outgrow what is held.
					FirstWaiting(std::addressof(attachment));
					attachment.deadlines.push_back(ticket);

					VerdictPump::ArmDeadline(deadlineNs);
					Enqueue(stage, held, HeldPacket::State::WAITING);

					return held;
				}
			}
		}

		// Decided, or not asked at all. It still must not overtake those that wait here.
		if (stage.queue.empty())
		{
			if (held)
			{
				held->state = dropped ? HeldPacket::State::DROPPED : HeldPacket::State::ACCEPTED;
			}

			return nullptr;
		}

		// One that is dropped while the queue is full is not remembered in order; its number is dropped at once.
		if (!held && dropped && stage.queue.size() >= MaxQueue)
		{
			return nullptr;
		}

		if (!held)
		{
			held = pool.Hold(packet);
		}

		Enqueue(stage, held, dropped ? HeldPacket::State::DROPPED : HeldPacket::State::ACCEPTED);

		return held;
	}

	void ProducerTap::Enqueue(Stage& stage, HeldPacket* held, HeldPacket::State state)
	{
		held->producerTap = this;
		held->stage       = std::addressof(stage);
		held->state       = state;

		stage.queue.push_back(held);
	}

	/**
	 * Those at the front of the stage that are decided go on.
	 */
	void ProducerTap::ReleaseDecided(Stage& stage)
	{
		while (!stage.queue.empty() && stage.queue.front()->state != HeldPacket::State::WAITING)
		{
			auto* held = stage.queue.front();

			stage.queue.pop_front();

			// An exception on the way costs this packet only.
			try
			{
				auto* packet = held->GetPacket();

				if (!Pass(packet, held, IndexOf(stage) + 1))
				{
					this->routing = true;
					this->routerTap->Route(this->producer, packet);
				}
				else if (held->stage != std::addressof(stage))
				{
					// It waits in a later stage.
					held = nullptr;
				}
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}

			this->routing = false;

			if (held)
			{
				pool.Free(held);
			}
		}
	}

	size_t ProducerTap::IndexOf(const Stage& stage) const
	{
		const auto it = std::ranges::find_if(
		  this->stages,
		  [&stage](const std::unique_ptr<Stage>& other)
		  {
			  return other.get() == std::addressof(stage);
		  });

		return it - this->stages.begin();
	}

	bool ProducerTap::Finish(const RTC::RTP::Packet* packet, bool dropped)
	{
		if (dropped)
		{
			this->routerTap->Drop(this->producer, packet);
			GetHistory(packet->GetSsrc()).Add(packet->GetSequenceNumber());

			return false;
		}

		// The usual case: nothing of this producer was ever dropped.
		if (this->histories.empty())
		{
			return true;
		}

		for (auto& history : this->histories)
		{
			if (
			  history->GetSsrc() == packet->GetSsrc() && history->Contains(packet->GetSequenceNumber()))
			{
				Control::CountRepeatDropped();

				return false;
			}
		}

		return true;
	}

	DroppedHistory& ProducerTap::GetHistory(uint32_t ssrc)
	{
		for (auto& history : this->histories)
		{
			if (history->GetSsrc() == ssrc)
			{
				return *history;
			}
		}

		// Mapped SSRCs are as many as encodings; the bound is for what nobody thought of.
		if (this->histories.size() >= MaxHistories)
		{
			this->histories.erase(this->histories.begin());
		}

		return *this->histories.emplace_back(std::make_unique<DroppedHistory>(ssrc));
	}

	/**
	 * It does not await a verdict any more.
	 */
	void ProducerTap::ForgetTicket(HeldPacket* held)
	{
		auto& attachment = *held->stage->attachment;

#ifndef MPH_SABOTAGE_KEEP_TICKETS
		attachment.place->GetTickets().Release(held->ticket);
#endif
		held->ticket = 0;
		--attachment.held;
	}

	HeldPacket* ProducerTap::FirstWaiting(Attachment* attachment)
	{
		while (!attachment->deadlines.empty())
		{
			if (auto* held = attachment->place->GetTickets().Find(attachment->deadlines.front()))
			{
				return held;
			}

			attachment->deadlines.pop_front();
		}

		return nullptr;
	}
} // namespace PluginHost
