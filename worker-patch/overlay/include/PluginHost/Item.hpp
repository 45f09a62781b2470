#ifndef MS_PLUGIN_HOST_ITEM_HPP
#define MS_PLUGIN_HOST_ITEM_HPP

#include "common.hpp"

namespace PluginHost
{
	class Chain;
	class Held;
	struct Stage;

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
	 * WAITING → ACCEPTED | DROPPED. One that is decided still waits for those before it: order is kept per chain. One that is DROPPED
	 * passes the rest of the chain unseen, so that it is dropped in order, too.
	 */
	class Held : public Item
	{
	public:
		enum class State : uint8_t
		{
			WAITING,
			ACCEPTED,
			DROPPED
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
			this->ticket     = 0;
			this->heldAtNs   = 0;
			this->deadlineNs = 0;
			this->recordEnd  = 0;
			this->state      = State::WAITING;
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
		State state{ State::WAITING };
	};

	inline Held* Item::GetHeld()
	{
		return IsHeld() ? static_cast<Held*>(this) : nullptr;
	}
} // namespace PluginHost

#endif
