#define MS_CLASS "PluginHost::VerdictPump"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/VerdictPump.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "PluginHost/BackOff.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HostLink.hpp"
#include <mph/shm/Link.hpp>
#include <sched.h>
#include <uv.h>
#include <vector>

namespace PluginHost::VerdictPump
{
	/* Static. */

	// Verdicts per host and round, of all its rings together. What is left keeps epoll from blocking.
	static constexpr size_t MaxVerdictsPerRound{ 2048 };
	// How often a turn looks again before it leaves the rest to the next one.
	static constexpr int MaxRounds{ 4 };
	// A yield that took longer did not go to a light host alone.
	static constexpr uint64_t MaxYieldNs{ 100000 };
	// A worker whose turns take longer has no time to give away.
	static constexpr uint32_t MaxTurnNsToYield{ 1000000 };

	namespace
	{
		struct Pump
		{
			uv_prepare_t prepare{};
			uv_idle_t idle{};
			uv_timer_t timer{};
			uv_timer_t watch{};
			std::vector<HostLink*> links;
			bool asleep{ false };
			uint64_t awakeSinceNs{ 0 };
			// Smoothed.
			uint32_t turnNs{ 0 };
			BackOff yields;
			// 0: not armed.
			uint64_t armedForNs{ 0 };
			// 0: nobody is looked after.
			uint64_t watchedAtNs{ 0 };
			int openHandles{ 4 };
		};

		thread_local Pump* pump{ nullptr };

		void onClosed(uv_handle_t* handle)
		{
			auto* closedPump = static_cast<Pump*>(handle->data);

			if (--closedPump->openHandles == 0)
			{
				delete closedPump;
			}
		}

		void onIdle(uv_idle_t* /*handle*/)
		{
			// Being active is all that it is for.
		}

		bool drainLinks()
		{
			bool more{ false };

			for (auto* link : pump->links)
			{
				more |= link->Drain(MaxVerdictsPerRound);
			}

			return more;
		}

		void cutOffCondemned()
		{
			// Closing takes the link out of the vector.
			for (size_t i{ 0 }; i < pump->links.size();)
			{
				auto* link = pump->links[i];

				if (link->IsCondemned())
				{
					link->GetConnection()->Close("too many strikes");
				}

				if (i < pump->links.size() && pump->links[i] == link)
				{
					++i;
				}
			}
		}

		bool hasNews()
		{
			return std::ranges::any_of(
			  pump->links,
			  [](const HostLink* link)
			  {
				  return link->HasNews();
			  });
		}

		void fallAsleep()
		{
			pump->asleep = true;

			for (auto* link : pump->links)
			{
				link->SetAsleep(true);
			}
		}

		/**
		 * What hosts go by when they place their threads.
		 *
		 * @return The CPU that this runs on.
		 */
		int tellHints()
		{
			const int cpu = sched_getcpu();

			if (!pump->asleep && pump->awakeSinceNs != 0)
			{
				const auto turnNs =
				  std::min<uint64_t>(uv_hrtime() - pump->awakeSinceNs, std::numeric_limits<int32_t>::max());

				pump->turnNs = pump->turnNs - (pump->turnNs / 8) + static_cast<uint32_t>(turnNs / 8);
			}

			for (auto* link : pump->links)
			{
				link->SetHints(cpu, pump->turnNs);
			}

			return cpu;
		}

		/**
		 * @return Whether a host that waits for this very CPU was rung for packets that await its verdict.
		 */
		bool ringHosts(int cpu)
		{
			bool waitsForUs{ false };

			for (auto* link : pump->links)
			{
				if (link->HasPublished())
				{
					ArmWatch();
				}

				if (link->RingIfAsleep() && link->GetHostCpu() == cpu)
				{
					waitsForUs = true;
				}
			}

			return waitsForUs;
		}

		/**
		 * Lets a host that was rung on this CPU answer now, instead of going through epoll and being rung by it. Often the kernel has
		 * let it run as soon as it was rung.
		 */
		void yieldToHost()
		{
			if (hasNews())
			{
				return;
			}

			const auto beforeNs = uv_hrtime();

			sched_yield();

			pump->yields.OnWaited(uv_hrtime() - beforeNs <= MaxYieldNs);
		}

		void turn()
		{
			bool more{ false };
			bool yielded{ false };
			const int cpu = tellHints();

			// Drain, ring, arm, look again: what was published before the flag was seen is found here, what comes after it rings.
			for (int round{ 0 }; round < MaxRounds; ++round)
			{
				Awake();
				more = drainLinks();
				cutOffCondemned();

				if (
				  ringHosts(cpu) && !yielded && pump->turnNs <= MaxTurnNsToYield && pump->yields.MayWait())
				{
					yielded = true;
					yieldToHost();

					continue;
				}

				if (more)
				{
					continue;
				}

				fallAsleep();

				if (!hasNews())
				{
					uv_idle_stop(std::addressof(pump->idle));

					return;
				}
			}

			Awake();
			uv_idle_start(std::addressof(pump->idle), onIdle);
		}

		void onPrepare(uv_prepare_t* /*handle*/)
		{
			try
			{
				turn();
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}

		void onTimer(uv_timer_t* /*handle*/)
		{
			pump->armedForNs = 0;

			try
			{
				Awake();
				Control::GetRegistry().Expire(uv_hrtime());
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}
		void onWatch(uv_timer_t* /*handle*/)
		{
			// A machine that was suspended, or a worker that was stopped: nobody can be blamed for that time.
			static constexpr uint64_t MaxElapsedNs{ 500000000 };

			const auto nowNs     = uv_hrtime();
			const auto elapsedNs = std::min(nowNs - pump->watchedAtNs, MaxElapsedNs);

			pump->watchedAtNs = 0;

			try
			{
				Awake();

				const auto nextMs = Control::GetRegistry().Watch(nowNs, elapsedNs);

				if (nextMs != 0)
				{
					pump->watchedAtNs = nowNs;
					uv_timer_start(std::addressof(pump->watch), onWatch, nextMs, 0);
				}
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}
	} // namespace

	void ClassInit()
	{
		MS_TRACE();

		pump = new Pump();

		uv_prepare_init(DepLibUV::GetLoop(), std::addressof(pump->prepare));
		uv_idle_init(DepLibUV::GetLoop(), std::addressof(pump->idle));
		uv_timer_init(DepLibUV::GetLoop(), std::addressof(pump->timer));

		pump->prepare.data = pump;
		pump->idle.data    = pump;
		pump->timer.data   = pump;

		uv_timer_init(DepLibUV::GetLoop(), std::addressof(pump->watch));
		pump->watch.data = pump;
	}

	void ClassDestroy()
	{
		MS_TRACE();

		uv_close(reinterpret_cast<uv_handle_t*>(std::addressof(pump->prepare)), onClosed);
		uv_close(reinterpret_cast<uv_handle_t*>(std::addressof(pump->idle)), onClosed);
		uv_close(reinterpret_cast<uv_handle_t*>(std::addressof(pump->timer)), onClosed);
		uv_close(reinterpret_cast<uv_handle_t*>(std::addressof(pump->watch)), onClosed);

		pump = nullptr;
	}

	void AddLink(HostLink* link)
	{
		MS_TRACE();

		pump->links.push_back(link);

		if (pump->links.size() == 1)
		{
			uv_prepare_start(std::addressof(pump->prepare), onPrepare);
		}
	}

	void RemoveLink(HostLink* link)
	{
		MS_TRACE();

		std::erase(pump->links, link);

		if (pump->links.empty())
		{
			uv_prepare_stop(std::addressof(pump->prepare));
			uv_idle_stop(std::addressof(pump->idle));
		}
	}

	void Awake()
	{
		if (!pump->asleep)
		{
			return;
		}

		pump->asleep       = false;
		pump->awakeSinceNs = uv_hrtime();

		for (auto* link : pump->links)
		{
			link->SetAsleep(false);
		}
	}

	void ArmDeadline(uint64_t deadlineNs)
	{
		static constexpr uint64_t NsPerMs{ 1000000 };

		if (pump->armedForNs != 0 && pump->armedForNs <= deadlineNs)
		{
			return;
		}

		const auto nowNs = uv_hrtime();
		// Rounded up: a timer that fires too early would find nothing past its deadline.
		const auto delayMs = deadlineNs > nowNs ? (deadlineNs - nowNs + NsPerMs - 1) / NsPerMs : 0;

		pump->armedForNs = deadlineNs;

		// libuv counts from the time at which it last looked, which may be a while ago in a busy turn.
		uv_update_time(DepLibUV::GetLoop());
		uv_timer_start(std::addressof(pump->timer), onTimer, delayMs, 0);
	}

	void ArmWatch()
	{
		static constexpr uint64_t FirstLookMs{ 100 };

		if (pump->watchedAtNs == 0)
		{
			pump->watchedAtNs = uv_hrtime();
			uv_timer_start(std::addressof(pump->watch), onWatch, FirstLookMs, 0);
		}
	}
} // namespace PluginHost::VerdictPump
