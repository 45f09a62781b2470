#ifndef MS_PLUGIN_HOST_VERDICT_READER_HPP
#define MS_PLUGIN_HOST_VERDICT_READER_HPP

#include "common.hpp"
#include "PluginHost/Epoch.hpp"
#include "PluginHost/Outcome.hpp"
#include "PluginHost/TicketTable.hpp"
#include "PluginHost/UnreadBytes.hpp"
#include <mph/shm/RingConsumer.hpp>
#include <optional>

namespace PluginHost
{
	class HostRequests;
	class Injector;
	class Plugin;

	/**
	 * Reads what a host wrote into its verdict ring, and believes none of it. What a verdict does is the business of Chain.
	 * [worker-loop]
	 */
	class VerdictReader
	{
	public:
		/**
		 * @param consumerCursor - Where the host looks how far its ring was read.
		 */
		VerdictReader(
		  Plugin* plugin,
		  const TicketTable* tickets,
		  std::atomic<uint64_t>* consumerCursor,
		  Injector* injector,
		  HostRequests* requests);

	public:
		/**
		 * Waits a moment for the verdict on what was published last, if the host has nothing else to read before it and is likely to give
		 * it at once. Then nothing needs to be held.
		 *
		 * @param deciders - Bit i: member i of the run may drop or take it.
		 * @param recordStart - Where the ring stood before it was published.
		 * @return Nothing if the verdict is still to come.
		 */
		std::optional<Outcome> Await(
		  Epoch& epoch, uint64_t ticket, uint16_t deciders, uint64_t recordStart);
		/**
		 * Applies at most `max` records.
		 *
		 * @return How many were read; `max` means that more may be there.
		 */
		size_t Drain(Epoch& epoch, size_t max);

		/* One for each type of record. They return false if it makes no sense. */
	private:
		bool Apply(const mph::shm::RingConsumer::RecordView& view);
		bool OnVerdict(const mph::shm::RingConsumer::RecordView& view);
		bool OnBypass(const mph::shm::RingConsumer::RecordView& view);
		bool OnInjectRtp(const mph::shm::RingConsumer::RecordView& view);
		bool OnInjectData(const mph::shm::RingConsumer::RecordView& view);
		bool OnReceiveRtp(const mph::shm::RingConsumer::RecordView& view);
		bool OnKeyFrame(const mph::shm::RingConsumer::RecordView& view);
		bool OnSubscribe(const mph::shm::RingConsumer::RecordView& view);

	private:
		// Passed by argument.
		Plugin* plugin{ nullptr };
		const TicketTable* tickets{ nullptr };
		std::atomic<uint64_t>* consumerCursor{ nullptr };
		Injector* injector{ nullptr };
		HostRequests* requests{ nullptr };
	};
} // namespace PluginHost

#endif
