import t from 'tap';

import type { Dependent } from '../../src/router-place.ts';
import { Topology } from '../../src/topology.ts';
import type { WorkerLink } from '../../src/worker-link.ts';
import { StandInWorker, StandInRouter, standInMediasoup } from '../helpers/stand-in-worker.ts';

class Recorder implements Dependent {
	readonly events: string[] = [];

	routerClosed(): void {
		this.events.push('router');
	}

	producerClosed(producerId: string): void {
		this.events.push(producerId);
	}

	transportClosed(transportId: string): void {
		this.events.push(`transport ${transportId}`);
	}

	dataProducerClosed(dataProducerId: string): void {
		this.events.push(dataProducerId);
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

/** As attach() names them. */
const named = (producerIds: readonly string[], dataProducerIds: readonly string[] = []) => ({
	router: undefined,
	targets: { producerIds, dataProducerIds, keepWithoutTargets: true },
});

t.test('a producer and a data producer lead to their router while they are open', async (t) => {
	const { topology, router } = await observed();
	const producer = router.produce('producer-1');
	const dataProducer = router.produceData('data-1');

	t.equal(topology.placeOfTargets(named(['producer-1'])).router, router);
	t.equal(topology.placeOfTargets(named(['producer-1'], ['data-1'])).router, router);
	producer.close();
	t.throws(() => topology.placeOfTargets(named(['producer-1'])), { code: 'MPH_ERR_PRODUCER_NOT_FOUND', message: /producer-1/ });
	t.equal(topology.placeOfTargets(named([], ['data-1'])).router, router);
	dataProducer.close();
	t.throws(() => topology.placeOfTargets(named([], ['data-1'])), { code: 'MPH_ERR_DATA_PRODUCER_NOT_FOUND', message: /a data producer data-1/ });
});

t.test('a producer with the same id in two routers is ambiguous, unless what is named with it is in one only', async (t) => {
	const { topology, worker, router } = await observed();

	router.produce('producer-1');
	router.produceData('data-1');
	worker.createRouter('router-2').produce('producer-1');
	t.throws(() => topology.placeOfTargets(named(['producer-1'])), { code: 'MPH_ERR_OPTION_VALUE', message: /router-1 and router-2/ });
	t.equal(topology.placeOfTargets(named(['producer-1'], ['data-1'])).router, router);
	t.equal(topology.placeOfTargets({ ...named(['producer-1']), router }).router, router);
});

t.test('targets of two routers make no attachment', async (t) => {
	const { topology, worker, router } = await observed();

	router.produce('producer-1');
	worker.createRouter('router-2').produce('producer-2');
	t.throws(() => topology.placeOfTargets(named(['producer-1', 'producer-2'])), {
		...{ name: 'InvalidOptionError', code: 'MPH_ERR_OPTION_VALUE' },
		message: /no router has all of producer-1, producer-2/,
	});
	t.throws(() => topology.placeOfTargets(named(['producer-1', 'producer-3'])), { code: 'MPH_ERR_PRODUCER_NOT_FOUND', message: /producer-3/ });
});

t.test('dependents hear of everything that closes in their router, and who is removed of nothing', async (t) => {
	const { topology, worker, router } = await observed();
	const [one, two, elsewhere, removed] = [new Recorder(), new Recorder(), new Recorder(), new Recorder()];
	const place = topology.placeOf(router);
	const producer = router.produce('producer-1');
	const dataProducer = router.produceData('data-1');

	place.add(one);
	place.add(two);
	place.add(removed);
	place.remove(removed);
	topology.placeOf(worker.createRouter('router-2')).add(elsewhere);
	producer.close();
	dataProducer.close();
	t.same([one, two, elsewhere, removed].map(({ events }) => events), [['producer-1', 'data-1'], ['producer-1', 'data-1'], [], []]);
	router.close();
	t.same([one, elsewhere, removed].map(({ events }) => events.at(-1)), ['router', undefined, undefined]);
});

t.test('how long a message can be is known of its transport', async (t) => {
	const { topology, router } = await observed();
	const place = topology.placeOf(router);

	router.produceData('sctp', { sctpParameters: { maxReceiveMessageSize: 1_000 } });
	router.produceData('direct', { type: 'direct', dump: async () => ({ maxReceiveMessageSize: 2_000 }) });
	router.produceData('closing', { type: 'direct', dump: async () => Promise.reject(new Error('closed')) });
	t.equal(await place.maxMessageSizeOf('sctp'), 1_000);
	t.equal(await place.maxMessageSizeOf('direct'), 2_000);
	t.equal(await place.maxMessageSizeOf('closing'), undefined);
	t.equal(await place.maxMessageSizeOf('nobody'), undefined);
});

t.test('data producers of pipe transports are told apart', async (t) => {
	const { topology, router } = await observed();
	const place = topology.placeOf(router);

	router.produceData('one');
	router.produceData('piped', { type: 'pipe' });
	t.same(place.dataProducerIds(false), ['one']);
	t.same(place.dataProducerIds(true), ['one', 'piped']);
});

t.test('a worker that closes takes its routers along, and they say so', async (t) => {
	const { topology, worker, router } = await observed();
	const dependent = new Recorder();

	topology.placeOf(router).add(dependent);
	worker.close();
	t.same(dependent.events, ['worker']);
});
