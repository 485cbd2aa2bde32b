import { LabIcon } from '@jupyterlab/ui-components';

import svg from '../style/icons/mcp.svg';

export const mcpIcon = new LabIcon({ name: 'jupyter-mcp-workbench:mcp', svgstr: svg });
