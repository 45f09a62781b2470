#ifndef MS_PLUGIN_HOST_INJECTED_CAUSES_HPP
#define MS_PLUGIN_HOST_INJECTED_CAUSES_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace PluginHost
{
	/**
	 * How much was injected because of which record, as long as another host may get that record again and inject it once more. [worker-loop]
	 */
	class InjectedCauses
	{
	public:
		// The oldest are forgotten beyond it; what they caused may be injected twice then.
		static constexpr size_t MaxCauses{ 16384 };

	public:
		/**
		 * @return Whether a host before did this already. Each one of its injections says so once.
		 */
		bool TakeRepeated(uint64_t cause)
		{
			const auto it = this->counts.find(cause);

			if (it == this->counts.end() || it->second.toPassOver == 0)
			{
				return false;
			}

			--it->second.toPassOver;

			return true;
		}

		/**
		 * @param position - Of the ring's end: the record lies before it.
		 */
		void Note(uint64_t cause, uint64_t position)
		{
			auto& count = this->counts[cause];

			if (count.injected++ != 0)
			{
				return;
			}

			count.before = position;
			this->order.push_back(cause);

			if (this->order.size() > MaxCauses)
			{
				ForgetFirst();
			}
		}

		/**
		 * Another host reads on.
		 *
		 * @param position - Of the ring's end, with all that was published again.
		 */
		void OnNextHost(uint64_t position)
		{
			for (auto& kv : this->counts)
			{
				kv.second.toPassOver = kv.second.injected;
				kv.second.before     = position;
			}
		}

		/**
		 * @param consumed - Records before it do not come again, unless they are still open.
		 */
		template<typename IsOpen>
		void Forget(uint64_t consumed, const IsOpen& isOpen)
		{
			while (!this->order.empty())
			{
				const auto cause = this->order.front();

				if (this->counts[cause].before > consumed || isOpen(cause))
				{
					return;
				}

				ForgetFirst();
			}
		}

		size_t GetSize() const
		{
			return this->order.size();
		}

	private:
		struct Count
		{
			uint32_t injected{ 0 };
			uint32_t toPassOver{ 0 };
			uint64_t before{ 0 };
		};

	private:
		void ForgetFirst()
		{
			this->counts.erase(this->order.front());
			this->order.pop_front();
		}

	private:
		std::unordered_map<uint64_t, Count> counts;
		// In the order in which they first injected.
		std::deque<uint64_t> order;
	};
} // namespace PluginHost

#endif
