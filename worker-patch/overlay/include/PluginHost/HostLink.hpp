#ifndef MS_PLUGIN_HOST_HOST_LINK_HPP
#define MS_PLUGIN_HOST_HOST_LINK_HPP

#include "common.hpp"
#include "PluginHost/BackOff.hpp"
#include "PluginHost/ControlConnection.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/ReadyRings.hpp"
#include <mph/shm/Doorbell.hpp>
#include <mph/shm/Link.hpp>
#include <mph/shm/Segment.hpp>
#include <mph/shm/UniqueFd.hpp>
#include <uv.h>
#include <vector>

namespace PluginHost
{
	class PluginPlace;

	/**
	 * The connection to one host: its control socket, the pair of link segments, the doorbells, and its rings by number.
	 * [worker-loop]
	 */
	class HostLink
	{
	public:
		// Makes segments and doorbells and sends them with Welcome. Throws if they cannot be made.
		HostLink(Plugin* plugin, ControlConnection* connection, uint32_t pid);
		~HostLink();

	public:
		Plugin* GetPlugin() const
		{
			return this->plugin;
		}
		ControlConnection* GetConnection() const
		{
			return this->connection;
		}
		uint32_t GetPid() const
		{
			return this->pid;
		}
		// Whether its strikes are too many. Who drains looks at this afterwards.
		bool IsCondemned() const
		{
			return this->strikes > MaxStrikes;
		}
		void Welcome(uint32_t requestId);
		void Send(
		  flatbuffers::FlatBufferBuilder& builder,
		  Mph::Control::Body type,
		  flatbuffers::Offset<void> body,
		  const std::vector<int>& fds = {});
		/**
		 * Throws if the connection has no ring left or the segments cannot be made.
		 */
		void OfferRing(PluginPlace* place);
		void WithdrawRing(PluginPlace* place);
		PluginPlace* GetPlace(uint32_t ring) const;
		/**
		 * Whether all its rings are mapped by the host.
		 */
		bool IsWarm() const;
		Mph::Control::HostPhase GetPhase() const
		{
			return this->phase;
		}
		void SetPhase(Mph::Control::HostPhase phase)
		{
			this->phase = phase;
		}
		/**
		 * How long it has made no progress, as seen by looks that are `elapsedNs` apart.
		 */
		uint64_t CountStalled(bool stalled, uint64_t elapsedNs)
		{
			this->stalledNs = stalled ? this->stalledNs + elapsedNs : 0;

			return this->stalledNs;
		}
		/**
		 * A deadline passed without its verdict, or a verdict came.
		 */
		void OnMissedDeadline()
		{
			++this->missedDeadlines;
		}
		void OnVerdict()
		{
			this->missedDeadlines = 0;
		}
		uint32_t GetMissedDeadlines() const
		{
			return this->missedDeadlines;
		}
		/**
		 * @return False if it has asked more in this turn than it may leave unanswered: each is answered in the turn in which it comes.
		 */
		bool TakeQuery()
		{
			return ++this->queriesInTurn <= MaxUnansweredQueries;
		}
		void NotePublished(uint32_t ring, bool awaitsVerdict)
		{
			this->writer.CountPublication(ring);
			this->published = true;
			this->awaitsVerdict |= awaitsVerdict;
		}
		bool HasPublished() const
		{
			return this->published;
		}
		/**
		 * Rings the host's doorbell if something was published since the last call and the host sleeps.
		 *
		 * @return Whether it was rung for packets that await a verdict.
		 */
		bool RingIfAsleep();
		void SetAsleep(bool asleep)
		{
			this->writer.SetAsleep(asleep);
		}
		/**
		 * Where the worker runs, and how long its turns take: the host's thread places itself by that.
		 */
		void SetHints(int cpu, uint32_t turnNs)
		{
			this->writer.SetCpu(cpu);
			this->writer.SetTurnNs(turnNs);
		}
		/**
		 * On which CPU the host's thread says that it is, if it shares the worker's. -1: it has another one.
		 */
		int GetHostCpu() const
		{
			return this->reader.Cpu();
		}
		/**
		 * Whether a verdict is likely to come at once: the host is awake, on another CPU, and was quick lately.
		 */
		bool IsPrompt()
		{
			return !this->reader.IsAsleep() && this->reader.Cpu() < 0 && this->promptness.MayWait();
		}
		void OnPromptWait(bool answered)
		{
			this->promptness.OnWaited(answered);
			this->recordsSinceBell |= answered;
		}
		/**
		 * Whether the host published in any ring since the last drain.
		 */
		bool HasNews() const;
		/**
		 * Applies verdicts, at most `max` of all its rings together.
		 *
		 * @return Whether more may be there.
		 */
		bool Drain(size_t max);
		void OnDoorbell();
		void OnStrike(PluginStrike strike);

	private:
		static constexpr uint32_t MaxStrikes{ 64 };
		static constexpr uint32_t MaxUnansweredQueries{ 32 };
		static constexpr uint32_t MaxIdleDoorbells{ 64 };

	private:
		void WatchProcess();
		void JudgeBell();

	private:
		// Passed by argument.
		Plugin* plugin{ nullptr };
		ControlConnection* connection{ nullptr };
		uint32_t pid{ 0 };
		// Allocated by this.
		mph::shm::Segment workerSegment;
		mph::shm::Segment hostSegment;
		mph::shm::LinkWriter writer;
		mph::shm::LinkReader reader;
		mph::shm::PublicationWatch watch;
		// We keep the write end of the first and the read end of the second.
		mph::shm::DoorbellPipe hostDoorbell;
		mph::shm::DoorbellPipe workerDoorbell;
		uv_poll_t* uvDoorbell{ nullptr };
		// nullptr: the kernel has no pidfds, or the process could not be found.
		uv_poll_t* uvProcess{ nullptr };
		mph::shm::UniqueFd pidfd;
		// Others.
		std::vector<PluginPlace*> rings;
		ReadyRings readyRings;
		bool published{ false };
		// Of what was published, anything.
		bool awaitsVerdict{ false };
		BackOff promptness;
		bool bellRung{ false };
		bool recordsSinceBell{ true };
		// In a row.
		uint32_t idleDoorbells{ 0 };
		uint32_t strikes{ 0 };
		Mph::Control::HostPhase phase{ Mph::Control::HostPhase::Connected };
		uint64_t stalledNs{ 0 };
		// In a row.
		uint32_t missedDeadlines{ 0 };
		uint32_t queriesInTurn{ 0 };
	};
} // namespace PluginHost

#endif
