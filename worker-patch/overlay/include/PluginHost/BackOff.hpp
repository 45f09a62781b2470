#ifndef MS_PLUGIN_HOST_BACK_OFF_HPP
#define MS_PLUGIN_HOST_BACK_OFF_HPP

#include "common.hpp"

namespace PluginHost
{
	/**
	 * Whether waiting a moment for a host is still worth it. Each wait that pays earns credit, each that does not costs twice as much;
	 * without credit nothing is waited for during the next occasions, twice as many each time. A host that never answers in time costs
	 * next to nothing.
	 */
	class BackOff
	{
	public:
		bool MayWait()
		{
			if (this->skips == 0)
			{
				return true;
			}

			--this->skips;

			return false;
		}

		void OnWaited(bool paid)
		{
			if (paid)
			{
				this->credit = std::min(this->credit + 1, MaxCredit);

				if (this->credit == MaxCredit)
				{
					this->nextSkips = MinSkips;
				}

				return;
			}

			this->credit -= 2;

			if (this->credit <= 0)
			{
				// One more trial after that.
				this->credit    = 1;
				this->skips     = this->nextSkips;
				this->nextSkips = std::min(this->nextSkips * 2, MaxSkips);
			}
		}

	private:
		static constexpr int32_t MaxCredit{ 16 };
		static constexpr uint32_t MinSkips{ 16 };
		static constexpr uint32_t MaxSkips{ 65536 };

	private:
		int32_t credit{ 1 };
		uint32_t skips{ 0 };
		uint32_t nextSkips{ MinSkips };
	};
} // namespace PluginHost

#endif
