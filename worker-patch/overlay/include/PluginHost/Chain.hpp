#ifndef MS_PLUGIN_HOST_CHAIN_HPP
#define MS_PLUGIN_HOST_CHAIN_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Item.hpp"
#include "PluginHost/PluginPlace.hpp"
#include <deque>
#include <memory>
#include <vector>

namespace PluginHost
{
	/**
	 * One attachment in one chain. In filter mode items wait in it, and leave it in the order in which they came.
	 */
	struct Stage
	{
		Attachment* attachment{ nullptr };
		std::deque<Held*> queue;
	};

	/**
	 * The stages that the items of one producer pass, whatever an item is: where they are published, held, decided, and released in
	 * order. [worker-loop]
	 *
	 * An item passes the stages in turn. An observer gets a copy. A filter holds it until its verdict, its deadline, or the end of its
	 * host. What the items are, and what becomes of them behind the last stage, is the business of the derived class.
	 */
	class Chain
	{
	public:
		/**
		 * Why a held item leaves a stage; says which counter it increments.
		 */
		enum class Cause : uint8_t
		{
			VERDICT,
			TIMEOUT,
			ABSENT,
			DETACHED
		};

	public:
		Chain()          = default;
		virtual ~Chain() = default;

	public:
		void AddStage(Attachment* attachment);
		bool HasStage(const Attachment* attachment) const;
		/**
		 * Items that it holds are accepted.
		 */
		void RemoveStage(Attachment* attachment);
		/**
		 * Decides about an item that awaits a verdict; it and those behind it leave the stage if it was the first.
		 */
		void Settle(Held* held, Cause cause, bool accept);
		/**
		 * Decides about all items of the attachment, in all chains, by its policy for that cause.
		 */
		static void SettleAll(Attachment* attachment, Cause cause);
		/**
		 * Decides about an item that awaits a verdict by its attachment's policy for that cause.
		 */
		static void SettleOne(Held* held, Cause cause);
		/**
		 * Decides about those that are past their deadline.
		 *
		 * @return The next deadline, 0 if none.
		 */
		static uint64_t Expire(Attachment* attachment, uint64_t nowNs);

		/* Pure virtual methods that must be implemented by the subclass. */
	public:
		/**
		 * Writes the item's record into the ring of the attachment's place.
		 *
		 * @param ticket - 0: no verdict is awaited.
		 */
		virtual PluginPlace::PublishResult Publish(
		  const Item& item,
		  const Attachment& attachment,
		  uint64_t ticket,
		  uint64_t nowNs,
		  uint64_t deadlineNs,
		  bool redelivered) = 0;

	protected:
		/**
		 * Whether there are stages, so that items have to come here at all.
		 */
		virtual void SetTapped(bool tapped) = 0;
		/**
		 * Whether there is memory to hold one more.
		 */
		virtual bool CanHold(const Item& item) const = 0;
		/**
		 * Copies a live item, which is not used any more then.
		 */
		virtual Held* Hold(const Item& item) = 0;
		virtual void Free(Held* held)        = 0;
		/**
		 * Behind the last stage. One that is dropped is dropped here.
		 *
		 * @return Whether the router may route it.
		 */
		virtual bool Finish(const Item& item, bool dropped) = 0;
		/**
		 * By the router's own method. May throw.
		 */
		virtual void Route(Held* held) = 0;

	protected:
		/**
		 * Takes the item through the chain from the given stage on.
		 *
		 * @return True if it was held (again) or dropped; false if it is to be routed.
		 */
		bool Pass(Item& item, size_t stageIndex);
		/**
		 * Frees all that waits, as the chain goes. Not by the destructor, which comes when the subclass is gone.
		 */
		void FreeAll();

	private:
		void Observe(Stage& stage, const Item& item);
		bool Filter(Stage& stage, Item& item, bool& dropped);
		bool HasRoom(const Stage& stage, const Item& item) const;
		void Enqueue(Stage& stage, Held* held, Held::State state);
		void ReleaseDecided(Stage& stage);
		size_t IndexOf(const Stage& stage) const;
		static void ForgetTicket(Held* held);
		static Held* FirstWaiting(Attachment* attachment);

	private:
		// Beyond these an item counts as overflow: what waits for a verdict at one place is bounded by TicketTable::Capacity, what waits in
		// one stage behind it by this.
		static constexpr size_t MaxQueue{ 8192 };

	private:
		// In the order of the chain.
		std::vector<std::unique_ptr<Stage>> stages;
	};
} // namespace PluginHost

#endif
