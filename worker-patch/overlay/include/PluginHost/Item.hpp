#ifndef MS_PLUGIN_HOST_ITEM_HPP
#define MS_PLUGIN_HOST_ITEM_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Outcome.hpp"
#include "PluginHost/Run.hpp"
#include <limits>

namespace PluginHost
{
	class Chain;
	class Held;
	class Stage;

	/**
	 * What passes a chain, in one of two forms: a live one on the stack, which borrows what the worker has in hand, or one that is Held.
	 * What it is only its chain knows.
	 */
	class Item
	{
	protected:
		enum class Form : uint8_t
		{
			LIVE,
			HELD
		};

	protected:
		explicit Item(Form form) : form(form)
		{
		}

	public:
		bool IsHeld() const
		{
			return this->form == Form::HELD;
		}
		/**
		 * nullptr if it is live.
		 */
		Held* GetHeld();

	private:
		// Passed by argument.
		Form form;
	};

	/**
	 * An item that waits in a stage of its chain, in the worker's own memory.
	 *
	 * WAITING → DECIDED. One that is decided still waits for those before it: order is kept per chain.
	 */
	class Held : public Item
	{
	public:
		enum class State : uint8_t
		{
			WAITING,
			DECIDED
		};

		/**
		 * A place in the order of a chain.
		 */
		struct Position
		{
			int32_t order{ std::numeric_limits<int32_t>::min() };
			uint32_t number{ 0 };

			bool IsBefore(const Attachment& attachment) const
			{
				return attachment.order != this->order ? attachment.order > this->order
				                                       : attachment.number > this->number;
			}
		};

	protected:
		Held() : Item(Form::HELD)
		{
		}

	protected:
		/**
		 * For whom it serves next.
		 */
		void Reset()
		{
			this->chain      = nullptr;
			this->stage      = nullptr;
			this->run        = nullptr;
			this->ticket     = 0;
			this->heldAtNs   = 0;
			this->deadlineNs = 0;
			this->recordEnd  = 0;
			this->members    = 0;
			this->published  = 0;
			this->lostBy     = Run::NoMember;
			this->extended   = false;
			this->state      = State::WAITING;
			this->outcome    = Outcome{};
			this->fate       = Fate::ROUTED;
			this->behind     = Position{};
		}

	public:
		Chain* chain{ nullptr };
		Stage* stage{ nullptr };
		// 0 unless a verdict is awaited.
		uint64_t ticket{ 0 };
		uint64_t heldAtNs{ 0 };
		uint64_t deadlineNs{ 0 };
		// Where its record ends in the packet ring.
		uint64_t recordEnd{ 0 };
		// Whom it came to in this stage, which may have other members by now; nullptr if nobody.
		Run* run{ nullptr };
		// Bit i: it is meant for member i of the run, which is still there.
		uint16_t members{ 0 };
		// Those of its record.
		uint16_t published{ 0 };
		// The member that had lost its frame as it came, and that does not get to see it.
		uint8_t lostBy{ Run::NoMember };
		bool extended{ false };
		State state{ State::WAITING };
		// Once it is DECIDED.
		Outcome outcome;
		// As it came to this stage.
		Fate fate{ Fate::ROUTED };
		// It has come past whom is not later than that.
		Position behind;
	};

	inline Held* Item::GetHeld()
	{
		return IsHeld() ? static_cast<Held*>(this) : nullptr;
	}
} // namespace PluginHost

#endif
