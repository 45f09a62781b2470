#ifndef MS_PLUGIN_HOST_PRODUCER_TAP_HPP
#define MS_PLUGIN_HOST_PRODUCER_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/DroppedHistory.hpp"
#include "PluginHost/HeldPacket.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "RTC/Producer.hpp"
#include "RTC/RTP/Packet.hpp"
#include <deque>
#include <memory>
#include <vector>

namespace PluginHost
{
	class RouterTap;

	/**
	 * One attachment in one producer's chain. In filter mode packets wait in it, and leave it in the order in which they came.
	 */
	struct Stage
	{
		Attachment* attachment{ nullptr };
		std::deque<HeldPacket*> queue;
	};

	/**
	 * The chain of one producer: where packets are selected, published, held, released in order, and routed or dropped. [worker-loop]
	 *
	 * A packet passes the stages in turn. An observer gets a copy. A filter holds it until its verdict, its deadline, or the end of its
	 * host. Behind the last stage the packet is routed by the router's own method, or its number dropped at each consumer.
	 */
	class ProducerTap
	{
	public:
		/**
		 * Why a held packet leaves a stage; says which counter it increments.
		 */
		enum class Cause : uint8_t
		{
			VERDICT,
			TIMEOUT,
			ABSENT,
			DETACHED
		};

	public:
		ProducerTap(RouterTap* routerTap, RTC::Producer* producer, bool pipe);
		~ProducerTap();

	public:
		const std::shared_ptr<ProducerInfo>& GetInfo() const
		{
			return this->info;
		}
		/**
		 * From Router::OnTransportProducerRtpPacketReceived().
		 *
		 * @return True if the packet was taken over (held or dropped), so that the router must not route it.
		 */
		bool OnPacket(RTC::RTP::Packet* packet);
		bool IsMeantBy(const Attachment& attachment) const;
		void AddStage(Attachment* attachment);
		/**
		 * Packets that it holds are accepted.
		 */
		void RemoveStage(Attachment* attachment);
		void SetPaused(bool paused)
		{
			this->info->paused = paused;
		}
		/**
		 * Decides about a packet that awaits a verdict; it and those behind it leave the stage if it was the first.
		 */
		void Settle(HeldPacket* held, Cause cause, bool accept);
		/**
		 * Decides about all packets of the attachment, in all producers, by its policy for that cause.
		 */
		static void SettleAll(Attachment* attachment, Cause cause);
		/**
		 * Decides about a packet that awaits a verdict by its attachment's policy for that cause.
		 */
		static void SettleOne(HeldPacket* held, Cause cause);
		/**
		 * Decides about those that are past their deadline.
		 *
		 * @return The next deadline, 0 if none.
		 */
		static uint64_t Expire(Attachment* attachment, uint64_t nowNs);

	private:
		bool Pass(RTC::RTP::Packet* packet, HeldPacket* held, size_t stageIndex);
		void Observe(Stage& stage, const RTC::RTP::Packet* packet);
		HeldPacket* Filter(Stage& stage, const RTC::RTP::Packet* packet, HeldPacket* held, bool& dropped);
		void Enqueue(Stage& stage, HeldPacket* held, HeldPacket::State state);
		void ReleaseDecided(Stage& stage);
		size_t IndexOf(const Stage& stage) const;
		// Whether the router may route it.
		bool Finish(const RTC::RTP::Packet* packet, bool dropped);
		DroppedHistory& GetHistory(uint32_t ssrc);
		static void ForgetTicket(HeldPacket* held);
		static HeldPacket* FirstWaiting(Attachment* attachment);

	private:
		// Beyond these a packet counts as overflow: what waits for a verdict at one place is bounded by TicketTable::Capacity, what
		// waits in one stage behind it by this.
		static constexpr size_t MaxQueue{ 8192 };
		static constexpr size_t MaxHistories{ 16 };

	private:
		// Passed by argument.
		RouterTap* routerTap{ nullptr };
		RTC::Producer* producer{ nullptr };
		// Allocated by this.
		std::shared_ptr<ProducerInfo> info;
		// In the order of the chain.
		std::vector<std::unique_ptr<Stage>> stages;
		std::vector<std::unique_ptr<DroppedHistory>> histories;
		// Others.
		// The router calls us back for packets that we route.
		bool routing{ false };
	};
} // namespace PluginHost

#endif
