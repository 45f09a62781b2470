#define MS_CLASS "PluginHost::Plugin"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Plugin.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/RequestError.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <openssl/crypto.h> // CRYPTO_memcmp()
#include <uv.h>             // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	namespace Fbs = Mph::Control;

	/* Instance methods. */

	void Plugin::AddToken(std::string token)
	{
		MS_TRACE();

		// Those that nobody came with go in the end.
		if (this->tokens.size() >= MaxTokens)
		{
			this->tokens.erase(this->tokens.begin());
		}

		this->tokens.push_back(std::move(token));
	}

	bool Plugin::TakeToken(const std::string& token)
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->tokens,
		  [&token](const std::string& candidate)
		  {
			  return candidate.size() == token.size() &&
			         CRYPTO_memcmp(candidate.data(), token.data(), token.size()) == 0;
		  });

		if (it == this->tokens.end())
		{
			return false;
		}

		this->tokens.erase(it);

		return true;
	}

	void Plugin::AddLink(HostLink* link)
	{
		MS_TRACE();

		this->links.push_back(link);

		if (!this->serving)
		{
			this->serving = link;
		}

		for (auto* place : this->places)
		{
			Offer(place, link);
		}

		UpdatePhase(link);
	}

	void Plugin::OnLinkGone(HostLink* link, const std::string& reason)
	{
		MS_TRACE();

		const bool hung = reason.starts_with("hang");
		const auto held = this->serving == link ? Control::GetRegistry().CountHeld(this) : 0;

		std::erase(this->links, link);

		// The controller hears what it died of, then that it is gone, then who takes over.
		for (auto* place : this->places)
		{
			place->GetSuccession().OnLinkGone(link, hung);
		}

		CountDisconnect(held);
		Control::NotifyHostState(*link, Fbs::HostPhase::Gone, reason, held);

		if (this->handover && this->handover->to == link)
		{
			EndHandover("the host that was to take over is gone");
		}

		if (this->serving != link)
		{
			return;
		}

		this->serving = nullptr;

		HostLink* next{ nullptr };

#ifndef MPH_SABOTAGE_SKIP_PROMOTION
		if (this->handover)
		{
			next = this->handover->to;
		}
		else
		{
			const auto it = std::ranges::find_if(
			  this->links,
			  [](const HostLink* candidate)
			  {
				  return candidate->IsWarm();
			  });

			next = it != this->links.end() ? *it : this->links.empty() ? nullptr : this->links.front();
		}
#endif

		if (next)
		{
			TakeOver(next);
		}
		else
		{
			for (auto* place : this->places)
			{
				place->GetSuccession().OnAbsent();
			}
		}

		if (this->handover)
		{
			EndHandover(nullptr);
		}
	}

	void Plugin::OnNewPlace(PluginPlace* place)
	{
		MS_TRACE();

		for (auto* link : this->links)
		{
			Offer(place, link);
		}
	}

	void Plugin::OnRingReady(HostLink* link, PluginPlace* place)
	{
		MS_TRACE();

		place->GetSuccession().OnReady(link);

		if (link == this->serving && !this->handover)
		{
			place->GetSuccession().Start(link);
		}

		UpdatePhase(link);
	}

	void Plugin::OnRingStopped(HostLink* link, PluginPlace* place)
	{
		MS_TRACE();

		place->GetSuccession().OnStopped(link);

		if (!this->handover)
		{
			// It was too late: the one that was to follow is not asked any more.
			if (link == this->serving)
			{
				place->GetSuccession().Start(link);
			}

			return;
		}

		if (AreAllStopped())
		{
			TakeOver(this->handover->to);
			EndHandover(nullptr);
		}
	}

	void Plugin::OnRingRefused(HostLink* link, PluginPlace* place)
	{
		MS_TRACE();

		link->WithdrawRing(place);
		place->GetSuccession().OnLinkGone(link, /*hung*/ false);

		if (link == this->serving)
		{
			place->GetSuccession().OnAbsent();
		}

		UpdatePhase(link);
	}

	void Plugin::Promote(uint32_t hostPid, uint32_t requestId)
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->links,
		  [hostPid](const HostLink* link)
		  {
			  return link->GetPid() == hostPid;
		  });

		if (it == this->links.end())
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound,
			  "plugin " + this->id + " has no host with process id " + std::to_string(hostPid));
		}

		auto* link = *it;

		if (this->handover)
		{
			throw RequestError(
			  Fbs::ErrorCode::Exists, "a host of plugin " + this->id + " is taking over already");
		}

		if (!link->IsWarm())
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound,
			  "host " + std::to_string(hostPid) + " has not mapped all rings yet; wait until it is warm");
		}

		if (link == this->serving)
		{
			Control::AnswerPromotion(requestId, nullptr);

			return;
		}

		this->handover =
		  Handover{ .to = link, .requestId = requestId, .untilNs = uv_hrtime() + HandoverNs };

		// Ends it if it takes too long.
		VerdictPump::ArmWatch();

		for (auto* place : this->places)
		{
			place->GetSuccession().Stop();
		}

		if (AreAllStopped())
		{
			TakeOver(link);
			EndHandover(nullptr);
		}
	}

	bool Plugin::Watch(uint64_t nowNs, uint64_t elapsedNs)
	{
		MS_TRACE();

		if (this->handover && nowNs >= this->handover->untilNs)
		{
			EndHandover("the host that serves did not stop in time");
		}

		if (!this->serving)
		{
			return false;
		}

		bool hasWork{ false };
		bool hasMoved{ false };

		for (auto* place : this->places)
		{
			place->PublishWaiting();

			// Both are asked of each: what is seen here is what the next look compares with.
			hasWork  = place->GetSuccession().HasWork(this->serving) || hasWork;
			hasMoved = place->GetSuccession().HasMoved() || hasMoved;
		}

		static constexpr uint64_t NsPerMs{ 1000000 };

		// One look alone, after the machine was suspended, is no hang.
		const auto countedNs = std::min(elapsedNs, this->hangMs * NsPerMs / 2);
		const auto stalledNs = this->serving->CountStalled(hasWork && !hasMoved, countedNs);

		// Closing deletes the link.
		if (stalledNs >= this->hangMs * NsPerMs)
		{
			this->serving->GetConnection()->Close(
			  "hang: no progress for " + std::to_string(stalledNs / NsPerMs) + " ms");
		}
		else if (this->serving->GetMissedDeadlines() >= MaxMissedDeadlines)
		{
			this->serving->GetConnection()->Close(
			  "hang: it missed " + std::to_string(this->serving->GetMissedDeadlines()) +
			  " deadlines in a row");
		}

		return hasWork || this->handover;
	}

	void Plugin::AddStrike(PluginStrike strike, HostLink* link)
	{
		MS_TRACE();

		++this->strikes;

		if (link)
		{
			link->OnStrike(strike);
		}
	}

	/**
	 * One that does not accept it hangs, though it has nothing to read.
	 */
	void Plugin::Offer(PluginPlace* place, HostLink* link)
	{
		MS_TRACE();

		link->OfferRing(place);
		VerdictPump::ArmWatch();
	}

	/**
	 * What the one before it has left is read on by `next`, wherever that is ready; elsewhere nobody serves until it is.
	 */
	void Plugin::TakeOver(HostLink* next)
	{
		MS_TRACE();

		this->serving = next;
		++this->promotions;

		for (auto* place : this->places)
		{
			auto& succession = place->GetSuccession();

			if (succession.IsWarm(next))
			{
				succession.Start(next);
			}
			else
			{
				succession.OnAbsent();
			}
		}

		for (auto* link : this->links)
		{
			UpdatePhase(link);
		}
	}

	/**
	 * @param failure - Why it came to nothing: then the one that serves goes on. nullptr: it is done.
	 */
	void Plugin::EndHandover(const char* failure)
	{
		MS_TRACE();

		const auto requestId = this->handover->requestId;

		this->handover.reset();

		if (failure && this->serving)
		{
			for (auto* place : this->places)
			{
				auto& succession = place->GetSuccession();

				if (!succession.IsServedBy(this->serving) && succession.IsWarm(this->serving))
				{
					succession.Start(this->serving);
				}
			}
		}

		Control::AnswerPromotion(requestId, failure);
	}

	bool Plugin::AreAllStopped() const
	{
		MS_TRACE();

		return std::ranges::none_of(
		  this->places,
		  [](const PluginPlace* place)
		  {
			  return place->GetSuccession().IsStopping();
		  });
	}

	/**
	 * A host that gets one more ring does not fall back for that.
	 */
	void Plugin::UpdatePhase(HostLink* link)
	{
		MS_TRACE();

		const bool isServing = link == this->serving && std::ranges::all_of(
		                                                  this->places,
		                                                  [link](const PluginPlace* place)
		                                                  {
			                                                  return place->GetSuccession().IsServedBy(link);
		                                                  });
		const auto phase     = isServing        ? Fbs::HostPhase::Serving
		                       : link->IsWarm() ? Fbs::HostPhase::Warm
		                                        : Fbs::HostPhase::Connected;
		const auto before    = link->GetPhase();
		const bool isDemoted = before == Fbs::HostPhase::Serving && link != this->serving;

		if (phase == before || (phase < before && !isDemoted))
		{
			return;
		}

		link->SetPhase(phase);
		Control::NotifyHostState(*link, phase, "", 0);
	}

	flatbuffers::Offset<Mph::Control::PluginStats> Plugin::FillBufferStats(
	  flatbuffers::FlatBufferBuilder& builder) const
	{
		MS_TRACE();

		const auto& injections = this->injections.counters;
		std::vector<uint32_t> standbyPids;

		for (const auto* link : this->links)
		{
			if (link != this->serving)
			{
				standbyPids.push_back(link->GetPid());
			}
		}

		return Mph::Control::CreatePluginStatsDirect(
		  builder,
		  this->id.c_str(),
		  this->serving != nullptr,
		  this->serving ? this->serving->GetPid() : 0,
		  this->verdicts,
		  this->spuriousVerdicts,
		  this->strikes,
		  this->doorbells,
		  this->disconnects,
		  this->heldAtLastDisconnect,
		  std::addressof(standbyPids),
		  this->promotions,
		  this->poisoned,
		  this->promptVerdicts,
		  injections.injected,
		  injections.full,
		  injections.unknown,
		  injections.malformed,
		  injections.limited,
		  injections.repeated,
		  injections.keyFrameRequests,
		  injections.resultsLost);
	}
} // namespace PluginHost
