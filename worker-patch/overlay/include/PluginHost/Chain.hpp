#ifndef MS_PLUGIN_HOST_CHAIN_HPP
#define MS_PLUGIN_HOST_CHAIN_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Item.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/Publication.hpp"
#include "PluginHost/Stages.hpp"
#include "PluginHost/UnreadBytes.hpp"

namespace PluginHost
{
	/**
	 * The stages that the items of one producer pass, whatever an item is: where they are selected, published, held, decided, and released in
	 * order. [worker-loop]
	 *
	 * An item passes the stages in turn. Those who observe get a copy. Those who filter hold it until their verdict, their deadline, or the
	 * end of their host. To who diverts it goes instead. What the items are, and what becomes of them behind the last stage, is the business
	 * of the derived class; which of them all at a place are to be decided about, that of Settlement.
	 */
	class Chain
	{
	public:
		Chain()          = default;
		virtual ~Chain() = default;

	public:
		void AddStage(Attachment* attachment);
		bool HasStage(const Attachment* attachment) const
		{
			return this->stages.FindMember(attachment) != nullptr;
		}
		/**
		 * Items that it holds are accepted.
		 */
		void RemoveStage(Attachment* attachment);
		/**
		 * Applies what a host says about an item that awaits its verdict.
		 *
		 * @param payload - What stands behind the verdict.
		 * @return False if it makes no sense; then nothing is changed.
		 */
		bool OnVerdict(Held* held, const Mph::Layout::VerdictRecord& record, const UnreadBytes& payload);
		/**
		 * Decides about an item that awaits a verdict; it and those behind it leave the stage if it was the first.
		 */
		void Settle(Held* held, Outcome outcome);
		/**
		 * The attachment has no say any more about an item that waits for it.
		 */
		void Detach(Held* held, const Attachment* attachment);
		/**
		 * A host that follows cannot read the record of an item that awaits a verdict.
		 */
		void Republish(Held* held);
		/**
		 * @param ssrc - 0: all streams.
		 * @return False if the chain has no such stream or no such attachment.
		 */
		bool Bypass(
		  const Attachment* attachment, uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount);

		/* Pure virtual methods that must be implemented by the subclass. */
	protected:
		/**
		 * Writes the item's record into the ring of the place.
		 */
		virtual PluginPlace::PublishResult Publish(const Item& item, const Publication& publication) = 0;
		/**
		 * Whether there are stages, so that items have to come here at all.
		 */
		virtual void SetTapped(bool tapped)              = 0;
		virtual Traits GetTraits(const Item& item) const = 0;
		virtual bool HasStream(uint32_t ssrc) const      = 0;
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
		 * Another payload, copied out of the ring once.
		 *
		 * @return False if it cannot be one; then nothing is changed.
		 */
		virtual bool SetPayload(Held* held, const UnreadBytes& payload) = 0;
		/**
		 * It is the first of its frame that is dropped.
		 */
		virtual void OnFrameLost(const Item& item) = 0;
		/**
		 * Behind the last stage. One that is dropped or taken is so here.
		 *
		 * @return Whether the router may route it.
		 */
		virtual bool Finish(const Item& item, Fate fate) = 0;
		/**
		 * By the router's own method. May throw.
		 */
		virtual void Route(Held* held) = 0;

	protected:
		/**
		 * Of the producer or data producer. Before there is a stage.
		 */
		void SetProducerNumber(uint32_t number)
		{
			this->stages.SetProducerNumber(number);
		}
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
		bool HasWholeFrames() const
		{
			return this->stages.HasWholeFrames();
		}

	private:
		/**
		 * Whom an item that comes to a stage is meant for.
		 */
		struct Audience
		{
			uint16_t members{ 0 };
			uint8_t lostBy{ Run::NoMember };

			bool IsEmpty() const
			{
				return this->members == 0 && this->lostBy == Run::NoMember;
			}
		};

	private:
		bool Enter(Stage& stage, Item& item, Fate& fate);
		Audience Select(Stage& stage, Item& item);
		Fate Show(Stage& stage, const Item& item, uint16_t members);
		bool Ask(Stage& stage, Item& item, Audience& audience, Outcome& outcome);
		void ShowAbsent(Stage& stage, const Item& item, Audience& audience);
		Fate Refuse(Stage& stage, const Item& item, const Audience& audience);
		Fate Conclude(const Run& run, const Audience& audience, const Outcome& outcome, const Item& item);
		void LoseFrame(const Attachment& attachment, const Item& item);
		bool HasRoom(const Stage& stage, const Item& item) const;
		void Enqueue(Stage& stage, Held* held, Held::State state, const Audience& audience);
		void ReleaseDecided(Stage& stage);
		void Leave(Held* held);
		static void LeaveRun(Held* held);
		void LetGo(Held* held, const Attachment* attachment);
		static void Extend(Held* held, uint32_t extensionUs);
		static void CountHeld(const Held* held, int change);
		static void ForgetTicket(Held* held);
		void Tidy();

	private:
		// Beyond these an item counts as overflow: what waits for a verdict at one place is bounded by TicketTable::Capacity, what waits in
		// one stage behind it by this.
		static constexpr size_t MaxQueue{ 8192 };

	private:
		// Allocated by this.
		Stages stages;
		// Others.
		bool untidy{ false };
		// A member lost a frame once.
		bool loses{ false };
	};
} // namespace PluginHost

#endif
