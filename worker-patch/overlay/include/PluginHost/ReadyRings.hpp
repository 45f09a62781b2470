#ifndef MS_PLUGIN_HOST_READY_RINGS_HPP
#define MS_PLUGIN_HOST_READY_RINGS_HPP

#include "common.hpp"
#include <vector>

namespace PluginHost
{
	/**
	 * The rings of one host that may have something to drain, each once. What is drained in one go is bounded for all of them together,
	 * and whoever has used up what was left of it comes last the next time: neither the number of a host's rings nor a ring that never
	 * ends can keep the worker, or the host's other rings, waiting.
	 */
	class ReadyRings
	{
	public:
		bool IsEmpty() const
		{
			return this->ready.empty();
		}
		/**
		 * The only place that allocates: while the host is offered one more ring.
		 *
		 * @param ring - Less than all those before, or one more.
		 */
		void Add(uint32_t ring)
		{
			if (ring == this->isReady.size())
			{
				this->isReady.push_back(false);
				this->ready.reserve(this->isReady.size());
			}
		}
		void Mark(uint32_t ring)
		{
			if (!this->isReady[ring])
			{
				this->isReady[ring] = true;
				this->ready.push_back(ring);
			}
		}
		/**
		 * @param drain - Called with a ring and how many records it may take; returns how many it took. May do anything but mark or
		 *   drain these rings. What it throws goes through, and its ring counts as drained.
		 * @return Whether there may be more.
		 */
		template<typename Drain>
		bool DrainUpTo(size_t max, Drain drain)
		{
			size_t left{ max };
			uint32_t last{ 0 };

			{
				Visit visit{ .rings = this };

				while (visit.count < this->ready.size() && left != 0)
				{
					last                = this->ready[visit.count++];
					this->isReady[last] = false;

					left -= std::min<size_t>(left, drain(last, left));
				}
			}

			if (left == 0)
			{
				Mark(last);
			}

			return !IsEmpty();
		}

	private:
		/**
		 * Takes out what was visited, however the visit ends.
		 */
		struct Visit
		{
			ReadyRings* rings{ nullptr };
			size_t count{ 0 };

			~Visit()
			{
				auto& ready = this->rings->ready;

				ready.erase(ready.begin(), ready.begin() + static_cast<ptrdiff_t>(this->count));
			}
		};

	private:
		// In the order in which they are drained.
		std::vector<uint32_t> ready;
		std::vector<bool> isReady;
	};
} // namespace PluginHost

#endif
