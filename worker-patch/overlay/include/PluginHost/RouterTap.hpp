#ifndef MS_PLUGIN_HOST_ROUTER_TAP_HPP
#define MS_PLUGIN_HOST_ROUTER_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/DataProducerTap.hpp"
#include "PluginHost/DirectTap.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterObjects.hpp"
#include "RTC/Producer.hpp"
#include "RTC/Router.hpp"
#include <ankerl/unordered_dense.h>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace PluginHost
{
	class Plugin;

	/**
	 * What the plugin host knows of a router: what lives in it, the chains of its producers, the plugins' places, and the way back into
	 * the router for what is released. Made with the router, if the worker was started for plugin hosts at all.
	 * [worker-loop]
	 */
	class RouterTap
	{
	public:
		/**
		 * nullptr if this worker serves no plugin hosts.
		 */
		static RouterTap* Create(RTC::Router* router);

	private:
		explicit RouterTap(RTC::Router* router);

	public:
		~RouterTap();

		/* Called by the hooks in RTC::Router. */
	public:
		void OnNewTransport(RTC::Transport* transport);
		/**
		 * By now everything on it is closed.
		 */
		void OnTransportClosed(RTC::Transport* transport);
		void OnNewProducer(RTC::Transport* transport, RTC::Producer* producer);
		/**
		 * Its consumers, which go next, are closed with it.
		 */
		void OnProducerClosed(RTC::Producer* producer);
		void OnProducerPaused(RTC::Producer* producer, bool paused);
		void OnNewDataProducer(RTC::Transport* transport, RTC::DataProducer* dataProducer);
		/**
		 * As OnProducerClosed().
		 */
		void OnDataProducerClosed(RTC::DataProducer* dataProducer);
		void OnDataProducerPaused(RTC::DataProducer* dataProducer, bool paused);
		void OnNewConsumer(RTC::Transport* transport, RTC::Consumer* consumer);
		void OnConsumerClosed(RTC::Consumer* consumer);
		void OnNewDataConsumer(RTC::Transport* transport, RTC::DataConsumer* dataConsumer);
		void OnDataConsumerClosed(RTC::DataConsumer* dataConsumer);

		/* Called by the hooks in RTC::Consumer and RTC::DataConsumer, which do not know their router. */
	public:
		static void OnConsumerPaused(RTC::Consumer* consumer, bool paused);
		static void OnDataConsumerPaused(RTC::DataConsumer* dataConsumer, bool paused);

		/* Called by Control. */
	public:
		const std::string& GetRouterId() const
		{
			return this->router->id;
		}
		/**
		 * For places that come into being after it.
		 */
		void SetRingSizes(uint32_t packetRingSize, uint32_t verdictRingSize);
		bool HasProducer(const std::string& producerId) const;
		bool HasDataProducer(const std::string& dataProducerId) const;
		/**
		 * Its number; 0 if there is no DirectTransport with that id here.
		 */
		uint32_t FindDirectTransport(const std::string& transportId) const;
		/**
		 * Puts it into the chains that it means; makes the plugin's place if there is none. Throws if that cannot be made.
		 */
		void Attach(Attachment* attachment);
		/**
		 * Takes it out of all chains. What it holds is accepted. The last one of a plugin takes the place with it.
		 */
		void Detach(Attachment* attachment);
		/**
		 * It means others now. What it holds of those that it does not mean any more is accepted.
		 */
		void OnTargetsChanged(Attachment* attachment);

		/* Called by ProducerTap and DataProducerTap. */
	public:
		/**
		 * By the router's own method. May throw.
		 */
		void Route(RTC::Producer* producer, RTC::RTP::Packet* packet);
		/**
		 * Leaves the packet out of the numbering of each consumer.
		 *
		 * @param withPicture - As Consumer::DropRtpPacket().
		 */
		void Drop(RTC::Producer* producer, const RTC::RTP::Packet* packet, bool withPicture);
		/**
		 * By the router's own method, which takes the message. May throw.
		 */
		void Route(RTC::DataProducer* dataProducer, const DataMessage& data);
		/**
		 * To those alone, which are consumers of the producer, in the order of their addresses; the others leave its number out. May throw.
		 */
		void RouteTo(
		  RTC::Producer* producer, RTC::RTP::Packet* packet, const std::vector<RTC::Consumer*>& consumers);

		/* Called for hosts, which name everything by its number. nullptr: there is none of that type here. */
	public:
		ProducerTap* FindProducerTap(uint32_t number) const;
		DataProducerTap* FindDataProducerTap(uint32_t number) const;
		/**
		 * @param producer - 0: of any.
		 */
		RTC::Consumer* FindConsumer(uint32_t number, uint32_t producer = 0) const;
		RTC::DataConsumer* FindDataConsumer(uint32_t number, uint32_t dataProducer = 0) const;
		void GetDataConsumers(uint32_t dataProducer, std::vector<RTC::DataConsumer*>& dataConsumers) const;
		/**
		 * Of all producers, or of all data producers, whichever are more.
		 */
		size_t CountConsumers() const
		{
			return std::max(this->objects.consumers.GetSize(), this->objects.dataConsumers.GetSize());
		}
		/**
		 * @param visitor - Told of each consumer or data consumer of it what hosts know, and its type.
		 */
		void ForEachConsumerOf(
		  uint32_t producer,
		  const std::function<void(const ObjectInfo& info, const std::string& type)>& visitor) const;
		/**
		 * Whether the attachment means that producer or data producer.
		 */
		bool IsMeant(uint32_t producer, const Attachment& attachment) const;
		/**
		 * Whether one of the place's attachments does.
		 */
		bool IsMeantAt(PluginPlace* place, uint32_t producer) const;

	private:
		/**
		 * Places that are attached to what it consumes, or to the transport that it is on, get to know it.
		 */
		void AnnounceConsumer(const std::shared_ptr<const ObjectInfo>& consumer);
		/**
		 * Places that are attached to the transport that it is on get to know it.
		 */
		void AnnounceOnTransport(const std::shared_ptr<const ObjectInfo>& producer);
		void AnnounceClosed(const std::shared_ptr<const ObjectInfo>& object);
		void AnnouncePaused(const std::shared_ptr<ObjectInfo>& object, bool paused);
		/**
		 * Hosts of the place get to know all that its attachments mean, but for one of them, and nothing else.
		 */
		void Announce(PluginPlace* place, const Attachment* except);
		/**
		 * What hosts of the place know since it is attached to a DirectTransport: what is on that, and what is consumed there.
		 */
		void AddOfTargets(
		  PluginPlace* place,
		  const Attachment* except,
		  std::map<uint32_t, std::shared_ptr<const ObjectInfo>>& meant) const;
		/**
		 * As the router closes: what is held is freed, and everything's story ends before the router's does.
		 */
		void CloseObjects();
		/**
		 * A new one enters the chains that mean it, when their hosts know it.
		 */
		template<typename Tap>
		void AddStages(Tap& tap);
		template<typename Visitor>
		void ForEachTap(Visitor visitor);
		void AddDirectTap(RTC::Transport* transport, const std::shared_ptr<const ObjectInfo>& info);
		/* nullptr if the transport is none, or nobody's. */
		DirectTap* FindDirectTap(RTC::Transport* transport) const;
		DirectTap* FindDirectTap(const ObjectInfo& consumer) const;
		/**
		 * Of a producer or data producer that is there.
		 */
		std::shared_ptr<const ObjectInfo> FindProducerInfo(uint32_t number) const;
		PluginPlace* GetOrCreatePlace(Plugin* plugin);
		void RemovePlace(Plugin* plugin);

	private:
		// Passed by argument.
		RTC::Router* router{ nullptr };
		// Allocated by this.
		RouterObjects objects;
		ankerl::unordered_dense::map<RTC::Producer*, std::unique_ptr<ProducerTap>> producerTaps;
		ankerl::unordered_dense::map<RTC::DataProducer*, std::unique_ptr<DataProducerTap>> dataProducerTaps;
		ankerl::unordered_dense::map<RTC::Transport*, std::unique_ptr<DirectTap>> directTaps;
		ankerl::unordered_dense::map<Plugin*, std::unique_ptr<PluginPlace>> places;
		// Others.
		ankerl::unordered_dense::map<uint32_t, ProducerTap*> numberedTaps;
		ankerl::unordered_dense::map<uint32_t, DataProducerTap*> numberedDataTaps;
		uint32_t packetRingSize{ 0 };
		uint32_t verdictRingSize{ 0 };
	};
} // namespace PluginHost

#endif
