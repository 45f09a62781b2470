import t from 'tap';

import { Topology } from '../../src/topology.ts';
import type { Dependent } from '../../src/topology.ts';
import type { WorkerLink } from '../../src/worker-link.ts';
import { StandInWorker, StandInRouter, standInMediasoup } from '../helpers/stand-in-worker.ts';

class Recorder implements Dependent {
	readonly events: string[] = [];

	routerClosed(): void {
		this.events.push('router');
	}

	producerClosed(): void {
		this.events.push('producer');
	}

	workerClosed(): void {
		this.events.push('worker');
	}
}

/** A worker that is observed, with a router in it. */
async function observed() {
	const topology = new Topology();
	const worker = await StandInWorker.create(standInMediasoup(), undefined);
	const link = {
		get closed() {
			return worker.closed;
		},
	} as WorkerLink;

	topology.observe(worker, link);

	return { topology, worker, link, router: worker.createRouter('router-1') };
}

t.test('a router is found in its worker, and not before it was made nor after it was closed', async (t) => {
	const { topology, link, router } = await observed();

	t.equal(topology.placeOf(router).link, link);
	router.close();
	t.throws(() => topology.placeOf(router), { code: 'MPH_ERR_ROUTER_CLOSED' });
	t.throws(() => topology.placeOf(new StandInRouter('router-2')), { code: 'MPH_ERR_ROUTER_NOT_FOUND', message: /router-2/ });
});

t.test('a producer leads to its router while it is open', async (t) => {
	const { topology, router } = await observed();
	const producer = router.produce('producer-1');

	t.equal(topology.placeOfProducer('producer-1').router, router);
	producer.close();
	t.throws(() => topology.placeOfProducer('producer-1'), { code: 'MPH_ERR_PRODUCER_NOT_FOUND' });
});

t.test('a producer with the same id in two routers is ambiguous', async (t) => {
	const { topology, worker, router } = await observed();

	router.produce('producer-1');
	worker.createRouter('router-2').produce('producer-1');
	t.throws(() => topology.placeOfProducer('producer-1'), { code: 'MPH_ERR_OPTION_VALUE', message: /router-1 and router-2/ });
});

t.test('who depends on a producer hears of that one only, and who is removed of nothing', async (t) => {
	const { topology, router } = await observed();
	const [ofOne, ofTwo, ofRouter, removed] = [new Recorder(), new Recorder(), new Recorder(), new Recorder()];
	const place = topology.placeOf(router);
	const producer = router.produce('producer-1');

	router.produce('producer-2');
	place.add(ofOne, 'producer-1');
	place.add(ofTwo, 'producer-2');
	place.add(ofRouter, undefined);
	place.add(removed, 'producer-1');
	place.remove(removed);
	producer.close();
	t.same([ofOne, ofTwo, ofRouter, removed].map(({ events }) => events), [['producer'], [], [], []]);
	router.close();
	t.same([ofTwo, ofRouter].map(({ events }) => events), [['router'], ['router']]);
});

t.test('a worker that closes takes its routers along, and they say so', async (t) => {
	const { topology, worker, router } = await observed();
	const dependent = new Recorder();

	topology.placeOf(router).add(dependent, undefined);
	worker.close();
	t.same(dependent.events, ['worker']);
});
